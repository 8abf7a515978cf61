package setup

import (
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
)

// This file decides which names of environment variables are taken for misspelt ones.
// Nobody can list the variables behind a getenv, so the names are made up and asked for.
// Only near misses of real names are: Kubernetes and Docker set MEMCACHED_PORT and others
// for a service called memcached, and other clients have variables of their own.

const envPrefix = "MEMCACHED_"

// otherNames are what people set who remember another word for the same, mostly that of another
// client. Beside the right variable they are the other client's, and no mistake; where the right
// one is not set they are one: a user without a password, or connections in the clear.
var otherNames = map[string][]string{
	"MEMCACHED_NODES":            {"SERVERS", "SERVER", "HOSTS"},
	standbyVariable:              {"STANDBY", "STANDBYS", "FAILOVER", "FAILOVERS"},
	"MEMCACHED_KEY_PREFIX":       {"PREFIX"},
	"MEMCACHED_USERNAME":         {"USER"},
	"MEMCACHED_PASSWORD":         {"PASS", "PASSWD"},
	"MEMCACHED_TLS":              {"USE_TLS", "TLS_ENABLED", "TLS_ENABLE", "ENABLE_TLS", "SSL", "USE_SSL", "SSL_ENABLED"},
	"MEMCACHED_TLS_CA":           {"TLS_CA_CERT", "TLS_CACERT", "TLS_ROOT_CA", "TLS_CAFILE", "SSL_CA"},
	"MEMCACHED_TLS_CERT":         {"TLS_CERTIFICATE", "TLS_CLIENT_CERT", "TLS_CRT", "TLS_CERTFILE", "SSL_CERT"},
	"MEMCACHED_TLS_KEY":          {"TLS_CLIENT_KEY", "TLS_PRIVATE_KEY", "TLS_KEYFILE", "SSL_KEY"},
	"MEMCACHED_TLS_SERVER_NAME":  {"TLS_SERVER", "TLS_SNI"},
	"MEMCACHED_SEAL_KEYS":        {"SEAL", "SEALS", "SEALED_KEY", "SEALED_KEYS", "SEALING_KEY", "SEALING_KEYS", "SEAL_SECRET", "SEAL_SECRETS"},
	"MEMCACHED_ALLOW_UNSEALED":   {"UNSEALED"},
	"MEMCACHED_ALLOW_UNRESOLVED": {"UNRESOLVED"},
}

// misspelt returns an error for each variable that is set and not read, but has almost the
// name of one that is. No value is shown.
func misspelt(getenv func(string) string) (errs []error) {
	found := map[string]bool{}
	for _, right := range variables {
		isSet := getenv(right) != ""
		for wrong, isTypo := range nearMisses(right) {
			// What others use may well be set beside the right one; a typo never helps.
			if isSet && !isTypo || found[wrong] || slices.Contains(variables, wrong) || getenv(wrong) == "" {
				continue
			}
			found[wrong] = true
			errs = append(errs, fmt.Errorf("%s is set, but nothing reads it: did you mean %s? Rename it, or remove it", wrong, right))
		}
	}
	return errs
}

// nearMisses makes up the names that somebody may set who means this one, and says of each
// whether it is a typo: a word in the singular or plural, or one wrong keystroke. Others
// are names that other software has: another prefix, a suffix for a file.
func nearMisses(right string) iter.Seq2[string, bool] {
	return func(yield func(string, bool) bool) {
		name := strings.TrimPrefix(right, envPrefix)
		numbers := append([]string{name}, otherNumbers(name)...) // of the last word: last
		for _, base := range []string{name, numbers[len(numbers)-1]} {
			for slip := range slips(envPrefix + base) {
				if !yield(slip, !strings.HasPrefix(slip, "MEMCACHE_")) {
					return
				}
			}
		}
		for _, base := range numbers {
			if !yield(envPrefix+base, true) {
				return
			}
		}
		var others []string
		for _, base := range slices.Concat(numbers, otherNames[right]) {
			for _, text := range []string{base, strings.ReplaceAll(base, "_", "")} {
				for _, prefix := range []string{envPrefix, "MEMCACHE_", "MEMCACHE", "MEM_CACHED_", "MEM_CACHE_", "\ufeff" + envPrefix} {
					others = append(others, prefix+text)
				}
				for _, suffix := range []string{"_FILE", "_PATH", "_BASE64", "_B64", "_0", "_1", "_2", "0", "1", "2", " "} {
					others = append(others, envPrefix+text+suffix)
				}
			}
		}
		others = append(others, strings.ReplaceAll(right, "_", "-"), strings.ReplaceAll(right, "_", "."))
		if runtime.GOOS != "windows" { // where case makes no difference
			others = append(others, strings.ToLower(right), "memcached_"+name, "Memcached_"+name)
		}
		for _, other := range others {
			if !yield(other, false) {
				return
			}
		}
	}
}

// otherNumbers returns the name with one of its words in the plural instead of the singular,
// or the other way round.
func otherNumbers(name string) (others []string) {
	words := strings.Split(name, "_")
	for i, word := range words {
		other := word + "S"
		if stem, is := strings.CutSuffix(word, "IES"); is {
			other = stem + "Y"
		} else if stem, is := strings.CutSuffix(word, "S"); is {
			other = stem
		}
		changed := slices.Clone(words)
		changed[i] = other
		others = append(others, strings.Join(changed, "_"))
	}
	return others
}

// slips returns the name, and what one wrong keystroke makes of a name: a character too few, too many, or
// another one, or two in the wrong order (Damerau, "A technique for computer detection and
// correction of spelling errors", 1964).
func slips(name string) iter.Seq[string] {
	const keys = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	return func(yield func(string) bool) {
		if !yield(name) {
			return
		}
		for i := range len(name) + 1 {
			before, behind := name[:i], name[i:]
			if behind != "" && !yield(before+behind[1:]) {
				return
			}
			if len(behind) > 1 && !yield(before+behind[1:2]+behind[:1]+behind[2:]) {
				return
			}
			for k := range len(keys) {
				if !yield(before + keys[k:k+1] + behind) {
					return
				}
				if behind != "" && !yield(before+keys[k:k+1]+behind[1:]) {
					return
				}
			}
		}
	}
}
