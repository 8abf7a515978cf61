package kubernetes

import (
	"maps"
	"strings"
	"testing"
)

// This file decides that the rules can fail: each mutant is a mistake that somebody could make in
// the recipe, and a rule must name it.

// mutant is a change of one file of the recipe, and what must be said of it.
type mutant struct {
	file, old, new string
	want           string // part of the error or of a complaint
}

var mutants = map[string]mutant{
	// What Kubernetes would refuse, or, worse, drop.
	"an unknown field":                {"nodes.yaml", "publishNotReadyAddresses:", "publishUnreadyAddresses:", `unknown field "spec.publishUnreadyAddresses"`},
	"another case":                    {"memcached.yaml", "readinessProbe:", "readinessprobe:", `unknown field "spec.template.spec.containers[0].readinessprobe"`},
	"a field in the wrong place":      {"memcached.yaml", "spec:\n  serviceName: memcached\n", "serviceName: memcached\nspec:\n", `unknown field "serviceName"`},
	"a field that is there twice":     {"memcached.yaml", "  replicas: 3", "  replicas: 3\n  replicas: 3", "already set"},
	"a number in the place of a text": {"app.yaml", `value: "8080"`, "value: 8080", "cannot unmarshal"},
	"a version that never was":        {"nodes.yaml", "policy/v1", "policy/v7", "no kind"},
	"an object of a kind beside it":   {"app.yaml", "kind: Deployment", "kind: DaemonSet", "unknown field"},
	"an object of another kind":       {"app.yaml", "---\napiVersion: v1\nkind: Service", "---\napiVersion: v1\nkind: Secret", `unknown field "spec"`},
	"no sidecar of that name":         {"memcached.yaml", "        - name: memcached\n          restartPolicy: Always", "        - name: memcached-too\n          restartPolicy: Always", "memcached is an init container"},

	// Names that lead nowhere.
	"another Service":             {"memcached.yaml", "serviceName: memcached", "serviceName: memcache", "serviceName"},
	"not ready, not found":        {"nodes.yaml", "publishNotReadyAddresses: true", "publishNotReadyAddresses: false", "publishNotReadyAddresses"},
	"other pods":                  {"memcached.yaml", "      labels:\n        app.kubernetes.io/name: memcached", "      labels:\n        app.kubernetes.io/name: memcache", "the selector of the StatefulSet"},
	"the app in the budget":       {"app.yaml", "      labels:\n        app.kubernetes.io/name: web", "      labels:\n        app.kubernetes.io/name: memcached", "PodDisruptionBudget is for the pods of the nodes alone"},
	"a budget for nobody":         {"nodes.yaml", "  unhealthyPodEvictionPolicy: IfHealthyBudget\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: memcached", "  unhealthyPodEvictionPolicy: IfHealthyBudget\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: memcache", "PodDisruptionBudget is for the pods of the nodes alone"},
	"a name for the port":         {"nodes.yaml", "targetPort: 11211", "targetPort: memcached", "by its number"},
	"another port":                {"memcached.yaml", "containerPort: 11211", "containerPort: 11212", "by its number"},
	"the app's port":              {"app.yaml", "targetPort: http", "targetPort: web", "the app's Service leads"},
	"PORT":                        {"app.yaml", `value: "8080"`, `value: "8081"`, "PORT is the app's port"},
	"the app is locked out":       {"app.yaml", `memcached-client: "true"`, `memcached-client: "yes"`, "the app may connect"},
	"the command is locked out":   {"memcached.yaml", `memcached-client: "true"`, `memcached-client: "yes"`, "the holdfast containers may connect"},
	"everybody may connect":       {"nodes.yaml", "matchLabels:\n              holdfast.example.com/memcached-client: \"true\"", "matchLabels: {}", "not every pod may connect"},
	"a policy for another port":   {"nodes.yaml", "        - port: 11211", "        - port: 11212", "the NetworkPolicy opens memcached's port"},
	"the list lacks a node":       {"nodes.yaml", "    memcached-2:memcached-2.memcached:11211\n", "", "MEMCACHED_NODES lists the pods"},
	"the list has another name":   {"nodes.yaml", "memcached-1:memcached-1.memcached:", "memcached-1:memcached-1.memcache:", "MEMCACHED_NODES lists the pods"},
	"the list has another id":     {"nodes.yaml", "    memcached-1:memcached-1", "    n1:memcached-1", "MEMCACHED_NODES lists the pods"},
	"a pod too many":              {"memcached.yaml", "replicas: 3", "replicas: 4", "MEMCACHED_NODES lists the pods"},
	"names that must exist":       {"nodes.yaml", `MEMCACHED_ALLOW_UNRESOLVED: "true"`, `MEMCACHED_ALLOW_UNRESOLVED: "false"`, "names of pods that do not exist yet"},
	"a misspelt variable":         {"app.yaml", "- name: MEMCACHED_SEAL_KEYS", "- name: MEMCACHED_SEAL_KEY", "did you mean"},
	"a setting for the app alone": {"app.yaml", "- name: PORT", "- name: MEMCACHED_KEY_PREFIX\n              value: shop\n            - name: PORT", "is set in the ConfigMap alone"},
	"no settings":                 {"app.yaml", "name: memcached-client", "name: memcached-clients", "has the settings of the ConfigMap"},
	"another key of the Secret":   {"memcached.yaml", "key: keys", "key: key", "the same seal keys"},
	"another Secret on the page":  {page, "kubectl create secret generic memcached-seal-keys", "kubectl create secret generic seal-keys", "makes the Secret"},
	"no Secret, no seal":          {"memcached.yaml", "key: keys", "key: keys\n                  optional: true", "without the Secret nothing starts"},

	// A start that never ends.
	"one after the other":      {"memcached.yaml", "podManagementPolicy: Parallel", "podManagementPolicy: OrderedReady", "podManagementPolicy is Parallel"},
	"no sidecar":               {"memcached.yaml", "          restartPolicy: Always\n", "", "memcached is a sidecar"},
	"nobody waits for it":      {"memcached.yaml", "startupProbe:", "livenessProbe:", "holdfast starts when"},
	"keys that nobody lists":   {"memcached.yaml", `"-F", "-W"`, `"-F", "-W", "-X"`, "memcached lists its keys"},
	"the port by a wrong name": {"memcached.yaml", "              port: memcached\n", "              port: memcache\n", "holdfast starts when"},

	// A stop that loses sessions.
	"the drain beside it":          {"memcached.yaml", "          startupProbe:", "          lifecycle: {preStop: {exec: {command: [sleep, \"60\"]}}}\n          startupProbe:", "the drain belongs to the main container"},
	"no drain":                     {"memcached.yaml", "            preStop:", "            postStart:", "preStop drains the node"},
	"a variable in a hook":         {"memcached.yaml", `"drain", "--timeout", "570s"`, `"drain", "$(HOLDFAST_NODE)"`, "puts no variables"},
	"another program":              {"memcached.yaml", `["/holdfast", `, `["/usr/bin/holdfast", `, "the program of the image"},
	"another image":                {dockerfile, `ENTRYPOINT ["/holdfast"]`, `ENTRYPOINT ["/app"]`, "the program of the image"},
	"the usual grace period":       {"memcached.yaml", "terminationGracePeriodSeconds: 600", "terminationGracePeriodSeconds: 30", "ends before the grace period"},
	"a drain as long as the grace": {"memcached.yaml", `"570s"`, `"600s"`, "ends before the grace period"},
	"a drain that is cut short":    {"memcached.yaml", `"570s"`, `"60s"`, "four minutes at least"},
	"longer than the autoscaler":   {"memcached.yaml", "terminationGracePeriodSeconds: 600", "terminationGracePeriodSeconds: 3600", "the autoscaler"},
	"an address for a name":        {"memcached.yaml", "fieldPath: metadata.name", "fieldPath: status.podIP", "HOLDFAST_NODE is the name of the pod"},
	"by hand":                      {"memcached.yaml", "type: RollingUpdate", "type: OnDelete", "one by one"},
	"two at a time":                {"memcached.yaml", "type: RollingUpdate", "type: RollingUpdate\n    rollingUpdate:\n      maxUnavailable: 2", "no maxUnavailable"},
	"no time to see it":            {"memcached.yaml", "  minReadySeconds: 10\n", "", "ten seconds"},
	"two evictions":                {"nodes.yaml", "maxUnavailable: 1", "maxUnavailable: 2", "one node at a time is evicted"},
	"all that are not ready":       {"nodes.yaml", "unhealthyPodEvictionPolicy: IfHealthyBudget", "unhealthyPodEvictionPolicy: AlwaysAllow", "not evicted together"},
	"one machine":                  {"memcached.yaml", "topologyKey: kubernetes.io/hostname", "topologyKey: kubernetes.io/os", "a machine of its own"},

	// Probes that make it worse.
	"up is not whole":           {"memcached.yaml", "path: /ready", "path: /", "ready when it is whole"},
	"nobody answers":            {"memcached.yaml", "containerPort: 8080", "containerPort: 8081", "serves the answer"},
	"waits for all":             {"memcached.yaml", `["wait", "--serve", ":8080"]`, `["wait"]`, "serves the answer"},
	"a restart for an outage":   {"app.yaml", "            tcpSocket:\n", "            httpGet:\n              path: /healthz\n", "not restarted because"},
	"the app is ready too soon": {"app.yaml", "path: /healthz", "path: /", "ready when it can save"},

	// What the kernel, or an intruder, would do.
	"no room beside the items":    {"memcached.yaml", `"-m", "384"`, `"-m", "512"`, "three quarters"},
	"the default of 64 MB":        {"memcached.yaml", `"-m", "384", `, "", "three quarters"},
	"memory that others have":     {"memcached.yaml", "              memory: 512Mi\n            limits", "              memory: 64Mi\n            limits", "all of its memory"},
	"throttled":                   {"memcached.yaml", "memory: 512Mi # and", "memory: 512Mi\n              cpu: 250m # and", "never throttled"},
	"root":                        {"memcached.yaml", "runAsUser: 11211", "runAsUser: 0", "not root"},
	"the image's user":            {"memcached.yaml", "runAsUser: 11211 #", "#", "the user has a number"},
	"a file system to write to":   {"app.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "read-only"},
	"privileges":                  {"app.yaml", "drop: [ALL]", "drop: [NET_RAW]", "no privileges"},
	"any version":                 {"memcached.yaml", "image: memcached:1.6", "image: memcached", "the image has a version"},
	"a token":                     {"app.yaml", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "no token"},
	"service links":               {"app.yaml", "enableServiceLinks: false", "enableServiceLinks: true", "add nothing to the environment"},
	"killed too soon":             {"app.yaml", "terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: 10", "before the app is killed"},
	"a second rule for everybody": {"nodes.yaml", "  ingress:\n", "  ingress:\n    - {}\n", "one rule says who may connect"},
	"a rule for everybody":        {"nodes.yaml", "    - from:\n        - podSelector:\n            matchLabels:\n              holdfast.example.com/memcached-client: \"true\"\n      ports:", "    - ports:", "not everybody may connect"},
	"a port by an argument":       {"memcached.yaml", `["-m", "384",`, `["-p", "11212", "-m", "384",`, "memcached listens on its usual port"},
	"keys of another variable":    {"app.yaml", "- name: MEMCACHED_SEAL_KEYS", "- name: SEAL_KEYS", "sessions are sealed"},
	"any number of nodes":         {"memcached.yaml", "  replicas: 3", "  # replicas: 3", "replicas, both grace periods"},

	// What goes for every container.
	"no seccomp profile":   {"memcached.yaml", "        seccompProfile:\n          type: RuntimeDefault\n", "", "with a seccomp profile"},
	"nothing asked for":    {"app.yaml", "            requests:\n              cpu: 250m\n              memory: 128Mi\n", "", "memory and CPU are asked for"},
	"a program by hand":    {"memcached.yaml", `args: ["wait",`, `command: ["/bin/holdfast"]` + "\n          " + `args: ["wait",`, "the image names the program"},
	"a restart for a wait": {"memcached.yaml", "          readinessProbe:\n", "          livenessProbe:\n            httpGet: {path: /ready, port: ready}\n          readinessProbe:\n", "a command that waits is not restarted"},
}

func TestEveryMistakeIsNamed(t *testing.T) {
	files := read(t)
	broken, ran := map[string]bool{}, 0
	for name, m := range mutants {
		t.Run(name, func(t *testing.T) {
			ran++
			if !strings.Contains(files[m.file], m.old) {
				t.Fatalf("%s has no %q any more: change the mutant", m.file, m.old)
			}
			changed := maps.Clone(files)
			changed[m.file] = strings.Replace(changed[m.file], m.old, m.new, 1)
			var said []string
			if r, err := decode(changed); err != nil {
				said = []string{err.Error()}
			} else {
				v := r.check()
				said = v.complaints
				for rule, is := range v.broken {
					broken[rule] = broken[rule] || is
				}
			}
			if !strings.Contains(strings.Join(said, "\n"), m.want) || len(said) == 0 {
				t.Errorf("nobody says %q, but:\n%s", m.want, strings.Join(said, "\n"))
			}
		})
	}
	for rule, is := range broken {
		if !is && ran == len(mutants) {
			t.Errorf("no mutant breaks the rule %q", rule)
		}
	}
}
