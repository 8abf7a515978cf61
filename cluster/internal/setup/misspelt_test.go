package setup

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A misspelt variable is an error that names the right one: nothing else would tell that
// sessions lie there in the clear.
func TestAMisspeltVariableIsAnError(t *testing.T) {
	for _, c := range []struct{ wrong, right string }{
		{"MEMCACHED_SEAL_KEY", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHED_SEALKEYS", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHED_SEALKEY", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHE_SEAL_KEYS", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHE_SEAL_KEY", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHED_SEALS_KEYS", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHED_SEALED_KEYS", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHED_SEAL_KEYS_FILE", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHED_SEAL_KEYS_1", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHED_SAEL_KEYS", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHED_SAEL_KEY", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHD_SEAL_KEYS", "MEMCACHED_SEAL_KEYS"},
		{"MEMCAHCED_SEAL_KEYS", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHED__SEAL_KEYS", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHEDSEAL_KEYS", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHED_SEAL_KEYX", "MEMCACHED_SEAL_KEYS"},
		{"memcached_seal_keys", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHED-SEAL-KEYS", "MEMCACHED_SEAL_KEYS"},
		{"\ufeffMEMCACHED_SEAL_KEYS", "MEMCACHED_SEAL_KEYS"},
		{"MEMCACHED_FAILOVER_NODE", "MEMCACHED_FAILOVER_NODES"},
		{"MEMCACHED_FAILOVERNODES", "MEMCACHED_FAILOVER_NODES"},
		{"MEMCACHED_STANDBY_NODE", "MEMCACHED_STANDBY_NODES"},
		{"MEMCACHED_STANDBY", "MEMCACHED_STANDBY_NODES"},
		{"MEMCACHED_FAILOVER", "MEMCACHED_STANDBY_NODES"},
		{"MEMCACHED_NODE", "MEMCACHED_NODES"},
		{"MEMCACHED_REPLICA", "MEMCACHED_REPLICAS"},
		{"MEMCACHED_MIN_COPY", "MEMCACHED_MIN_COPIES"},
		{"MEMCACHED_MINCOPIES", "MEMCACHED_MIN_COPIES"},
		{"MEMCACHED_TIMEOUTS", "MEMCACHED_TIMEOUT"},
		{"MEMCACHED_KEYPREFIX", "MEMCACHED_KEY_PREFIX"},
		{"MEMCACHED_USER_NAME", "MEMCACHED_USERNAME"},
		{"MEMCACHED_PASSWORT", "MEMCACHED_PASSWORD"},
		{"MEMCACHE_PASSWORD", "MEMCACHED_PASSWORD"},
		{"MEMCACHED_TSL", "MEMCACHED_TLS"},
		{"MEMCACHE_TLS", "MEMCACHED_TLS"},
		{"MEMCACHED_TLS_CAS", "MEMCACHED_TLS_CA"},
		{"MEMCACHED_TLS_CA_FILE", "MEMCACHED_TLS_CA"},
		{"MEMCACHED_TLS_CERTS", "MEMCACHED_TLS_CERT"},
		{"MEMCACHED_TLS_KEYS", "MEMCACHED_TLS_KEY"},
		{"MEMCACHED_TLS_SERVERNAME", "MEMCACHED_TLS_SERVER_NAME"},
		{"MEMCACHED_ALLOW_UNSEALD", "MEMCACHED_ALLOW_UNSEALED"},
		{"MEMCACHED_ALLOW_UNRESOLVD", "MEMCACHED_ALLOW_UNRESOLVED"},
	} {
		pairs := []string{c.wrong, planted}
		if c.wrong == "MEMCACHED_NODES" {
			pairs = append(pairs, "MEMCACHED_NODES", "")
		}
		_, err := FromEnv(env(pairs...))
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%s is set, but nothing reads it: did you mean %s?", c.wrong, c.right)) {
			t.Errorf("%q: %v", c.wrong, err)
		}
		if err != nil && strings.Contains(err.Error(), planted) {
			t.Errorf("%q: the value is shown: %v", c.wrong, err)
		}
	}
}

// Words of other clients for the same are an error where nothing says that the other client is
// meant. Each has its reason: what the app would do without a word.
func TestAnotherWordForAVariableIsAnError(t *testing.T) {
	for _, c := range []struct{ wrong, right, without string }{
		{"MEMCACHED_PREFIX", "MEMCACHED_KEY_PREFIX", "two apps share their sessions"},
		{"MEMCACHED_USER", "MEMCACHED_USERNAME", "the error would be of a login that is wanted, with a password that is not used"},
		{"MEMCACHED_PASS", "MEMCACHED_PASSWORD", "the same"},
		{"MEMCACHED_PASSWD", "MEMCACHED_PASSWORD", "the same"},
		{"MEMCACHED_SSL", "MEMCACHED_TLS", "connections are in the clear"},
		{"MEMCACHED_SSL_ENABLED", "MEMCACHED_TLS", "the same"},
		{"MEMCACHED_TLS_CAFILE", "MEMCACHED_TLS_CA", "the system's authorities are trusted, all of them"},
		{"MEMCACHED_TLS_CERTFILE", "MEMCACHED_TLS_CERT", "there is no client certificate"},
		{"MEMCACHED_TLS_KEYFILE", "MEMCACHED_TLS_KEY", "the same"},
		{"MEMCACHED_SERVERS", "MEMCACHED_NODES", "the error would only say that there are no nodes"},
		{"MEMCACHED_HOSTS", "MEMCACHED_NODES", "the same"},
		{"MEMCACHED_SEALKEYS", "MEMCACHED_SEAL_KEYS", "sessions lie there in the clear"},
		{"MEMCACHE_PASSWD", "MEMCACHED_PASSWORD", "as with MEMCACHED_PASSWD"},
		{"MEMCACHED_SSL_FILE", "MEMCACHED_TLS", "as with MEMCACHED_SSL"},
	} {
		said := fmt.Sprintf("%s is set, but nothing reads it: did you mean %s?", c.wrong, c.right)
		_, err := FromEnv(env("MEMCACHED_NODES", "", c.wrong, planted))
		if err == nil || !strings.Contains(err.Error(), said) || strings.Contains(err.Error(), planted) {
			t.Errorf("%s (%s): %v", c.wrong, c.without, err)
		}
		if c.right == "MEMCACHED_NODES" {
			continue
		}
		if _, err := FromEnv(env(c.wrong, planted)); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%s (%s), with nodes: %v", c.wrong, c.without, err)
		}
	}
}

// Beside the right variable it is that of another client. So is another word for the nodes.
func TestAnotherWordBesideTheVariableIsLeftAlone(t *testing.T) {
	if _, err := FromEnv(env(
		"MEMCACHED_KEY_PREFIX", "app:", "MEMCACHED_PREFIX", "other:", "MEMCACHED_USERNAME", "u", "MEMCACHED_USER", "v",
		"MEMCACHED_PASSWORD", planted, "MEMCACHED_PASS", "v", "MEMCACHED_PASSWD", "v", "MEMCACHED_TLS", "false", "MEMCACHED_SSL", "true",
		"MEMCACHED_SERVERS", "a:1", "MEMCACHED_SERVER", "a:1", "MEMCACHED_HOSTS", "a:1",
	)); err != nil {
		t.Error(err)
	}
}

// One wrong keystroke in any variable is found, wherever it is.
func TestOneSlipInAnyVariableIsFound(t *testing.T) {
	for _, right := range variables {
		known := map[string]bool{}
		for wrong := range nearMisses(right) {
			known[wrong] = true
		}
		for i := range right {
			for _, wrong := range []string{
				right[:i] + right[i+1:], right[:i] + "X" + right[i+1:], right[:i] + right[i:i+1] + right[i:],
				right[:i] + right[i+1:min(i+2, len(right))] + right[i:i+1] + right[min(i+2, len(right)):],
			} {
				if !known[wrong] {
					t.Errorf("%s is not taken for %s", wrong, right)
				}
			}
		}
	}
}

// Kubernetes sets seven variables for each port of a service, Docker the same and more for
// each link, and images have some of their own. None is a mistake of anybody.
func TestNamesThatOthersMakeUpAreLeftAlone(t *testing.T) {
	pairs := []string{
		"MEMCACHED_VERSION", "1.6.18", "MEMCACHED_SHA1", "x", "MEMCACHED_SHA256", "x", "MEMCACHED_URL", "x",
		"MEMCACHED_CACHE_SIZE", "64", "MEMCACHED_MAX_CONNECTIONS", "1024", "MEMCACHED_THREADS", "4",
		"MEMCACHED_EXTRA_FLAGS", "-v", "MEMCACHED_MAX_ITEM_SIZE", "1m", "MEMCACHED_LISTEN_ADDRESS", "x",
		"MEMCACHED_DAEMON_USER", "memcached", "MEMCACHED_DAEMON_GROUP", "memcached", "MEMCACHED_BASE_DIR", "x", "MEMCACHED_CONF_DIR", "x",
		"MEMCACHED_CONF_FILE", "x", "MEMCACHED_BIN_DIR", "x", "MEMCACHED_VOLUME_DIR", "x", "MEMCACHED_MEMORY", "64", "MEMCACHED_LOG_LEVEL", "x",
		"MEMCACHED_PORT_NUMBER", "11211", "MEMCACHED_HOST", "a", "MEMCACHED_SERVERS", "a:1",
		"MEMCACHIER_SERVERS", "a", "MEMCACHIER_USERNAME", "a", "MEMCACHIER_PASSWORD", "a", "HOLDFAST_TEST_NODES", "n1:a:1",
	}
	for _, service := range []string{"MEMCACHED", "MEMCACHE", "MEMCACHED_NODES", "MEMCACHED_NODE", "MEMCACHED_FAILOVER", "MEMCACHED_TLS", "MEMCACHED_SEAL", "MEMCACHED_SESSIONS", "MEMCACHED_0", "MEMCACHED_KEY", "MEMCACHED_SSL", "MEMCACHED_PREFIX", "MEMCACHED_PASS", "MEMCACHED_SERVERS", "MEMCACHED_SERVER"} {
		for _, name := range []string{
			"SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_MEMCACHE", "PORT", "PORT_11211_TCP", "PORT_11211_TCP_PROTO",
			"PORT_11211_TCP_PORT", "PORT_11211_TCP_ADDR", "NAME", "ENV_MEMCACHED_VERSION", "ENV_MEMCACHED_SEAL_KEY", "1_PORT",
		} {
			pairs = append(pairs, service+"_"+name, "tcp://10.0.0.1:11211")
		}
	}
	if _, err := FromEnv(env(pairs...)); err != nil {
		t.Error(err)
	}
}

// What other clients read may stand beside the right variable.
func TestOtherClientsHaveTheirVariables(t *testing.T) {
	if _, err := FromEnv(env("MEMCACHE_NODES", "x", "MEMCACHED_NODES_FILE", "y")); err != nil {
		t.Error(err)
	}
	_, err := FromEnv(env("MEMCACHED_NODES", "", "MEMCACHE_NODES", "a:1"))
	if err == nil || !strings.Contains(err.Error(), "MEMCACHE_NODES is set") || !strings.Contains(err.Error(), "MEMCACHED_NODES is not set") {
		t.Error(err)
	}
}

// The list of variables is what the code reads, and what docs/configuration.md tells of.
func TestEveryVariableIsKnown(t *testing.T) {
	pattern := regexp.MustCompile(`"(MEMCACHED_[A-Z_]*[A-Z])"`)
	var read []string
	for _, file := range []string{"env.go", "secrets.go", "nodelist.go"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pattern.FindAllStringSubmatch(string(b), -1) {
			read = append(read, m[1])
		}
	}
	page, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(read)
	if read = slices.Compact(read); !slices.Equal(read, slices.Sorted(slices.Values(variables))) {
		t.Errorf("read are %v, known are %v", read, variables)
	}
	for _, name := range variables {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/configuration.md does not tell of %s", name)
		}
	}
}
