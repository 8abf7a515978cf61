package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/holdfast-go/holdfast/testenv"
)

func main() {
	var cfg config
	flag.StringVar(&cfg.addr, "addr", "127.0.0.1:8088", "where the page is served; if the port is taken, another one is used")
	flag.IntVar(&cfg.users, "users", 20, "users in the background")
	flag.BoolVar(&cfg.faults, "faults", false, "break something every few seconds, for runs that nobody attends")
	flag.BoolVar(&cfg.sticky, "sticky", false, "begin in sticky mode: users stay on one instance, which keeps copies of their sessions")
	flag.StringVar(&cfg.apps, "apps", "", "app instances that run elsewhere, as scs-1=http://host:port,gorilla-1=http://host:port")
	app := flag.String("app", "", "be one app instance and nothing else, such as scs-1 or gorilla-2, at -addr, for a page that is told by -apps")
	text := flag.Bool("text", false, "tell a story in the terminal, and end")
	flag.Parse()
	if err := run(cfg, *app, *text); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(cfg config, app string, text bool) error {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // under nohup the demo outlives its terminal
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	if app != "" {
		return serveApp(ctx, app, cfg.addr, cfg.sticky, os.Getenv)
	}
	// The demo breaks its nodes. Those that tests may share with others are not for that.
	_ = os.Unsetenv(testenv.NodesVariable)
	program := testenv.NewProgram("demo", os.Stderr)
	defer program.Close()
	if text {
		if err := tell(ctx, os.Stdout, program); err != nil {
			return fmt.Errorf("not as promised: %w", err)
		}
		return nil
	}
	cfg.getenv = os.Getenv
	d, err := start(program, cfg)
	if err != nil {
		return err
	}
	defer d.Close()
	d.introduce(os.Stdout)
	<-ctx.Done()
	fmt.Println("\nEnding everything that was started.")
	return nil
}
