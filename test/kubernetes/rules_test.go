package kubernetes

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what is wrong with the recipe. docs/kubernetes.md tells why each rule is one.

// verdict is what the rules say of a recipe.
type verdict struct {
	complaints []string
	broken     map[string]bool // each rule that was looked at, by its format, and whether it is broken
}

// demand complains unless the rule holds.
func (v *verdict) demand(holds bool, rule string, args ...any) {
	v.broken[rule] = v.broken[rule] || !holds
	if !holds {
		v.complaints = append(v.complaints, fmt.Sprintf(rule, args...))
	}
}

// check looks at all rules.
func (r *recipe) check() *verdict {
	v := &verdict{broken: map[string]bool{}}
	pod := &r.set.Spec.Template
	memcached := container(pod.Spec.InitContainers, "memcached")
	command := container(pod.Spec.Containers, "holdfast")
	web := container(r.app.Spec.Template.Spec.Containers, "web")
	found := memcached != nil && command != nil && web != nil
	v.demand(found, "memcached is an init container of the StatefulSet, holdfast a main one, and web one of the Deployment")
	set := r.set.Spec.Replicas != nil && pod.Spec.TerminationGracePeriodSeconds != nil && r.app.Spec.Template.Spec.TerminationGracePeriodSeconds != nil && len(r.nodes.Spec.Ports) == 1
	v.demand(set, "replicas, both grace periods, and one port of the headless Service are set")
	if !found || !set {
		return v
	}
	r.checkNames(v, memcached, web)
	r.checkEnvironment(v, command, web)
	r.checkStart(v, memcached)
	r.checkStop(v, memcached, command)
	r.checkReady(v, command, web)
	r.checkMemory(v, memcached)
	r.checkPods(v)
	return v
}

// checkNames checks that what points at another object finds it.
func (r *recipe) checkNames(v *verdict, memcached, web *corev1.Container) {
	v.demand(r.set.Spec.ServiceName == r.nodes.Name, "serviceName of the StatefulSet names the headless Service")
	v.demand(r.nodes.Spec.PublishNotReadyAddresses, "publishNotReadyAddresses is true")
	nodes, app := labels.Set(r.set.Spec.Template.Labels), labels.Set(r.app.Spec.Template.Labels)
	v.demand(selects(r.set.Spec.Selector, nodes), "the selector of the StatefulSet matches its pods")
	v.demand(selects(r.app.Spec.Selector, app), "the selector of the Deployment matches its pods")
	for name, selector := range map[string]*metav1.LabelSelector{
		"PodDisruptionBudget": r.budget.Spec.Selector,
		"NetworkPolicy":       &r.policy.Spec.PodSelector,
		"headless Service":    {MatchLabels: r.nodes.Spec.Selector},
	} {
		v.demand(selects(selector, nodes) && !selects(selector, app), "the %s is for the pods of the nodes alone", name)
	}
	front := &metav1.LabelSelector{MatchLabels: r.front.Spec.Selector}
	v.demand(selects(front, app) && !selects(front, nodes), "the app's Service is for the pods of the app alone")

	port := portNamed(memcached, "memcached")
	for _, p := range r.nodes.Spec.Ports {
		v.demand(p.TargetPort.IntValue() == int(port) && p.Port == port, "the headless Service leads to memcached's port, by its number")
	}
	v.demand(len(r.front.Spec.Ports) == 1 && portNamed(web, r.front.Spec.Ports[0].TargetPort.StrVal) != 0, "the app's Service leads to the app's port")
	v.demand(environment(web)["PORT"] == fmt.Sprint(portNamed(web, "http")), "PORT is the app's port")
	v.demand(!slices.Contains(memcached.Args, "-p"), "memcached listens on its usual port")

	v.demand(len(r.policy.Spec.Ingress) == 1, "one rule says who may connect")
	for _, rule := range r.policy.Spec.Ingress {
		for _, from := range rule.From {
			v.demand(selects(from.PodSelector, nodes), "the holdfast containers may connect to the nodes")
			v.demand(selects(from.PodSelector, app), "the app may connect to the nodes")
			v.demand(from.PodSelector != nil && len(from.PodSelector.MatchLabels) > 0, "not every pod may connect to the nodes")
		}
		v.demand(len(rule.From) == 1, "not everybody may connect to the nodes")
		v.demand(len(rule.Ports) == 1 && rule.Ports[0].Port.IntValue() == int(port), "the NetworkPolicy opens memcached's port, by its number")
	}
}

// checkEnvironment checks that the app and the command look for sessions in the same places, and
// that the list of nodes is the list of pods.
func (r *recipe) checkEnvironment(v *verdict, command, web *corev1.Container) {
	pods := map[string]string{}
	for i := range *r.set.Spec.Replicas {
		id := fmt.Sprintf("%s-%d", r.set.Name, i)
		pods[id] = fmt.Sprintf("%s.%s:%d", id, r.nodes.Name, r.nodes.Spec.Ports[0].Port)
	}
	for _, c := range []*corev1.Container{command, web} {
		v.demand(len(c.EnvFrom) == 1 && c.EnvFrom[0].ConfigMapRef != nil && c.EnvFrom[0].ConfigMapRef.Name == r.settings.Name,
			"%s has the settings of the ConfigMap", c.Name)
		env := environment(c)
		for name := range env {
			_, twice := r.settings.Data[name]
			v.demand(!twice && (name == "MEMCACHED_SEAL_KEYS" || !strings.HasPrefix(name, "MEMCACHED_")), "%s: %s is set in the ConfigMap alone", c.Name, name)
		}
		if _, is := env["MEMCACHED_SEAL_KEYS"]; is {
			env["MEMCACHED_SEAL_KEYS"] = strings.Repeat("A", 43) + "=" // what the Secret holds, in its form
		}
		maps.Copy(env, r.settings.Data)
		cfg, err := cluster.ConfigFromEnv(func(name string) string { return env[name] })
		if err != nil {
			v.demand(false, "%s: the environment is right: %v", c.Name, err)
			continue
		}
		nodes := map[string]string{}
		for _, n := range cfg.Nodes {
			nodes[n.ID] = n.Addr
		}
		v.demand(maps.Equal(nodes, pods), "%s: MEMCACHED_NODES lists the pods: %v, not %v", c.Name, pods, nodes)
		v.demand(cfg.AllowUnresolved, "%s: names of pods that do not exist yet are allowed", c.Name)
		v.demand(len(cfg.SealKeys) == 1, "%s: sessions are sealed", c.Name)
	}
	keys := secretOf(command)
	v.demand(keys != nil && secretOf(web) != nil && *keys == *secretOf(web), "the app and the command have the same seal keys")
	if keys != nil {
		create := fmt.Sprintf("kubectl create secret generic %s --from-literal=%s=", keys.Name, keys.Key)
		v.demand(strings.Contains(r.page, create), "docs/kubernetes.md makes the Secret: %s", create)
		v.demand(keys.Optional == nil || !*keys.Optional, "without the Secret nothing starts, and nothing is stored in clear text")
	}
}

// checkStart checks that the first rollout comes to an end.
func (r *recipe) checkStart(v *verdict, memcached *corev1.Container) {
	v.demand(r.set.Spec.PodManagementPolicy == appsv1.ParallelPodManagement, "podManagementPolicy is Parallel: no node is whole before all have started")
	v.demand(memcached.RestartPolicy != nil && *memcached.RestartPolicy == corev1.ContainerRestartPolicyAlways, "memcached is a sidecar: restartPolicy Always")
	v.demand(memcached.StartupProbe != nil && memcached.StartupProbe.TCPSocket != nil && portIs(memcached, memcached.StartupProbe.TCPSocket.Port.StrVal),
		"holdfast starts when memcached accepts connections")
	v.demand(!slices.Contains(memcached.Args, "-X"), "memcached lists its keys: no -X")
}

// checkStop checks that a node is drained while it runs, and that nobody stops two at once.
func (r *recipe) checkStop(v *verdict, memcached, command *corev1.Container) {
	v.demand(memcached.Lifecycle == nil, "the drain belongs to the main container: a sidecar's hook does not hold memcached back")
	hook := []string{}
	if l := command.Lifecycle; l != nil && l.PreStop != nil && l.PreStop.Exec != nil {
		hook = l.PreStop.Exec.Command
	}
	program := regexp.MustCompile(`(?m)^ENTRYPOINT \["(.+)"\]$`).FindStringSubmatch(r.dockerfile)
	v.demand(len(hook) == 4 && hook[1] == "drain" && hook[2] == "--timeout", "preStop drains the node, for a bounded time: %q", hook)
	if len(hook) == 4 && program != nil {
		v.demand(hook[0] == program[1], "preStop calls the program of the image, %s: %q", program[1], hook)
		timeout, err := time.ParseDuration(hook[3])
		grace := time.Duration(*r.set.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
		v.demand(err == nil && timeout >= 4*time.Minute && timeout+20*time.Second <= grace, "the drain has four minutes at least, and ends before the grace period of %v: %q", grace, hook)
		v.demand(grace <= 10*time.Minute, "the autoscaler waits for ten minutes only, by default: %v", grace)
	}
	v.demand(!strings.Contains(strings.Join(hook, " "), "$"), "Kubernetes puts no variables into the arguments of a hook: %q", hook)
	v.demand(fieldOf(command, "HOLDFAST_NODE") == "metadata.name", "HOLDFAST_NODE is the name of the pod")

	v.demand(r.set.Spec.UpdateStrategy.Type == appsv1.RollingUpdateStatefulSetStrategyType, "the StatefulSet replaces its pods one by one")
	v.demand(r.set.Spec.UpdateStrategy.RollingUpdate == nil || r.set.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable == nil, "one pod at a time is replaced: no maxUnavailable")
	v.demand(r.set.Spec.MinReadySeconds >= 10, "the app has ten seconds to see that a node is whole")
	v.demand(r.budget.Spec.MinAvailable == nil && r.budget.Spec.MaxUnavailable != nil && r.budget.Spec.MaxUnavailable.IntValue() == 1 && r.budget.Spec.MaxUnavailable.StrVal == "",
		"one node at a time is evicted")
	v.demand(r.budget.Spec.UnhealthyPodEvictionPolicy != nil && *r.budget.Spec.UnhealthyPodEvictionPolicy == policyv1.IfHealthyBudget, "nodes that are not whole are not evicted together")

	apart := false
	if a := r.set.Spec.Template.Spec.Affinity; a != nil && a.PodAntiAffinity != nil {
		for _, term := range a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
			apart = apart || term.TopologyKey == corev1.LabelHostname && selects(term.LabelSelector, r.set.Spec.Template.Labels)
		}
	}
	v.demand(apart, "each node has a machine of its own")
}

// checkReady checks what the probes ask.
func (r *recipe) checkReady(v *verdict, command, web *corev1.Container) {
	probe := command.ReadinessProbe
	v.demand(probe != nil && probe.HTTPGet != nil && probe.HTTPGet.Path == "/ready", "a node is ready when it is whole")
	if probe != nil && probe.HTTPGet != nil {
		serve := fmt.Sprintf(":%d", portNamed(command, probe.HTTPGet.Port.StrVal))
		v.demand(slices.Equal(command.Args, []string{"wait", "--serve", serve}), "the command serves the answer to the probe on %s: %q", serve, command.Args)
	}
	v.demand(len(command.Command) == 0, "the image names the program")
	v.demand(command.LivenessProbe == nil, "a command that waits is not restarted")

	ready, alive := web.ReadinessProbe, web.LivenessProbe
	v.demand(ready != nil && ready.HTTPGet != nil && ready.HTTPGet.Path == "/healthz" && portIs(web, ready.HTTPGet.Port.StrVal), "the app is ready when it can save sessions")
	v.demand(alive != nil && alive.HTTPGet == nil && alive.TCPSocket != nil && portIs(web, alive.TCPSocket.Port.StrVal), "the app is not restarted because the nodes are out of reach")
}

// checkMemory checks that memcached evicts before the kernel kills it.
func (r *recipe) checkMemory(v *verdict, memcached *corev1.Container) {
	limit, request := memcached.Resources.Limits.Memory().Value(), memcached.Resources.Requests.Memory().Value()
	i := slices.Index(memcached.Args, "-m")
	megabytes := 0
	if i >= 0 && i+1 < len(memcached.Args) {
		megabytes, _ = strconv.Atoi(memcached.Args[i+1])
	}
	v.demand(megabytes > 0 && int64(megabytes)<<20 <= limit*3/4, "-m is at most three quarters of the memory limit of memcached")
	v.demand(limit == request, "memcached has all of its memory to itself")
	v.demand(memcached.Resources.Limits.Cpu().IsZero(), "memcached is never throttled: no limit of CPU")
}

// checkPods checks what goes for every container.
func (r *recipe) checkPods(v *verdict) {
	for _, spec := range []corev1.PodSpec{r.set.Spec.Template.Spec, r.app.Spec.Template.Spec} {
		s := spec.SecurityContext
		v.demand(s != nil && s.RunAsNonRoot != nil && *s.RunAsNonRoot && s.SeccompProfile != nil, "pods run without root, with a seccomp profile")
		v.demand(spec.AutomountServiceAccountToken != nil && !*spec.AutomountServiceAccountToken, "pods have no token for the Kubernetes API")
		v.demand(spec.EnableServiceLinks != nil && !*spec.EnableServiceLinks, "Services add nothing to the environment")
		for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
			s := c.SecurityContext
			v.demand(s != nil && s.RunAsUser != nil && *s.RunAsUser > 0, "%s: the user has a number, and is not root", c.Name)
			v.demand(s != nil && s.ReadOnlyRootFilesystem != nil && *s.ReadOnlyRootFilesystem, "%s: the file system is read-only", c.Name)
			v.demand(s != nil && s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation &&
				s.Capabilities != nil && slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}), "%s: no privileges", c.Name)
			v.demand(!c.Resources.Requests.Memory().IsZero() && !c.Resources.Limits.Memory().IsZero() && !c.Resources.Requests.Cpu().IsZero(), "%s: memory and CPU are asked for", c.Name)
			tag := c.Image[strings.LastIndex(c.Image, ":")+1:]
			v.demand(tag != c.Image && tag != "latest", "%s: the image has a version", c.Name)
		}
	}
	app := r.app.Spec.Template.Spec
	sleep := int64(0)
	if l := container(app.Containers, "web").Lifecycle; l != nil && l.PreStop != nil && l.PreStop.Sleep != nil {
		sleep = l.PreStop.Sleep.Seconds
	}
	v.demand(sleep > 0 && sleep+10 < *app.TerminationGracePeriodSeconds, "requests under way end before the app is killed")
}

// selects reports whether the selector matches the labels.
func selects(selector *metav1.LabelSelector, of labels.Set) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(of)
}

// portNamed is the number of the container's port with that name, and 0 where there is none.
func portNamed(c *corev1.Container, name string) int32 {
	for _, p := range c.Ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	return 0
}

func portIs(c *corev1.Container, name string) bool { return portNamed(c, name) != 0 }

// environment is what env sets in the container. Some value stands for one that Kubernetes takes
// from elsewhere.
func environment(c *corev1.Container) map[string]string {
	env := map[string]string{}
	for _, e := range c.Env {
		env[e.Name] = e.Value
		if e.ValueFrom != nil {
			env[e.Name] = "from elsewhere"
		}
	}
	return env
}

// secretOf is where the container has its seal keys from.
func secretOf(c *corev1.Container) *corev1.SecretKeySelector {
	for _, e := range c.Env {
		if e.Name == "MEMCACHED_SEAL_KEYS" && e.ValueFrom != nil {
			return e.ValueFrom.SecretKeyRef
		}
	}
	return nil
}

// fieldOf is the field of the pod that the container has the variable from.
func fieldOf(c *corev1.Container, variable string) string {
	for _, e := range c.Env {
		if e.Name == variable && e.ValueFrom != nil && e.ValueFrom.FieldRef != nil {
			return e.ValueFrom.FieldRef.FieldPath
		}
	}
	return ""
}

func TestTheRecipeKeepsItsRules(t *testing.T) {
	r, err := decode(read(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, complaint := range r.check().complaints {
		t.Errorf("does not hold: %s", complaint)
	}
}
