package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// lifetime ends a server that was forgotten.
const lifetime = 2 * time.Hour

// starting is how long a server may take until it serves.
const starting = time.Minute

// place is where a server is.
type place struct {
	URL     string `json:"url"`
	PID     int    `json:"pid"`
	Version string `json:"version"`
}

// serve runs a rival until nobody holds its standard input open any more.
func serve(rival string, words []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	dir := flags.String("dir", "", "an empty folder, or one that it served from before")
	flush := flags.Bool("flush", true, "flush before acknowledging; without, only to fill a log")
	if err := flags.Parse(words); err != nil {
		return err
	}
	if *dir == "" {
		return fmt.Errorf("--dir is missing")
	}
	start := map[string]func(string, bool) (place, func(), error){
		"nats": startNATS,
		"etcd": startEtcd,
	}[rival]
	if start == nil {
		return fmt.Errorf("%q is no rival", rival)
	}
	place, stop, err := start(*dir, *flush)
	if err != nil {
		return err
	}
	defer stop()
	place.PID = os.Getpid()
	if err := json.NewEncoder(os.Stdout).Encode(place); err != nil {
		return err
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	select {
	case <-closed:
	case <-time.After(lifetime):
	}
	return nil
}
