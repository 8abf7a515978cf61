// Command live shows what holdfast does: it starts three memcached nodes and two
// instances of a web app, and breaks one after the other under a user's hands.
package main

import (
	"fmt"
	"os"

	"github.com/holdfast-go/holdfast/testenv"
)

func main() {
	program := testenv.NewProgram("live", os.Stderr)
	err := tell(os.Stdout, program)
	program.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "live: not as promised:", err)
		os.Exit(1)
	}
}
