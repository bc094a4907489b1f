// Command peers runs what Potts is measured beside, and does the same work there: JetStream of NATS
// and etcd, each one node that flushes before it acknowledges.
//
//	peers serve nats|etcd --dir DIR
//	peers run nats|etcd --url URL --what publish|fan-out|saturate|fill|catch-up|idle
//
// Server and caller are two processes, as Potts and its callers are. Both print one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

// patience bounds every run: a rival that hangs ends with an error, and the bench goes on.
const patience = 10 * time.Minute

// work is something to do.
type work func(context.Context, peer, job) (seen, error)

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "peers: %v\n", err)
		os.Exit(1)
	}
}

func command(words []string) error {
	if len(words) < 2 {
		return fmt.Errorf("say `serve` or `run`, then `nats` or `etcd`")
	}
	verb, rival, words := words[0], words[1], words[2:]
	switch verb {
	case "serve":
		return serve(rival, words)
	case "run":
		return run(rival, words)
	default:
		return fmt.Errorf("%q is neither `serve` nor `run`", verb)
	}
}

func run(rival string, words []string) error {
	var asked job
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	url := flags.String("url", "", "where the server is, as it printed")
	what := flags.String("what", "", "publish, fan-out, saturate, fill, catch-up or idle")
	flags.IntVar(&asked.server, "pid", 0, "the process of the server, as it printed")
	flags.IntVar(&asked.publishing, "publishing", 8, "connections that publish")
	flags.IntVar(&asked.subscribing, "subscribing", 100, "connections that subscribe, at most")
	flags.IntVar(&asked.callers, "callers", 64, "how many publish at once")
	flags.IntVar(&asked.subscribers, "subscribers", 1, "how many subscribe")
	flags.IntVar(&asked.rate, "rate", 200, "events a second, of a fan-out")
	flags.IntVar(&asked.events, "events", 400_000, "events of the log to fill or read")
	flags.DurationVar(&asked.whole, "whole", 5*time.Second, "how long to measure")
	flags.DurationVar(&asked.warmUp, "warm-up", time.Second, "what of it does not count")
	if err := flags.Parse(words); err != nil {
		return err
	}
	warmed := func(work work) work {
		return func(ctx context.Context, peer peer, job job) (seen, error) {
			if err := warm(ctx, peer, job); err != nil {
				return seen{}, err
			}
			return work(ctx, peer, job)
		}
	}
	works := map[string]work{
		"publish":  warmed(publish),
		"fan-out":  warmed(fanOut),
		"saturate": warmed(saturate),
		"fill":     fill,
		"catch-up": catchUp,
		"idle":     idle,
	}
	do, known := works[*what]
	if !known {
		return fmt.Errorf("%q is no work", *what)
	}
	peer, err := dial(rival, *url)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	seen, err := do(ctx, peer, asked)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", rival, *what, err)
	}
	return json.NewEncoder(os.Stdout).Encode(seen)
}
