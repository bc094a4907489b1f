package main

import (
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// The stream, and below what its messages are published.
const (
	stream  = "bench"
	subject = "bench."
)

// startNATS runs a server with JetStream in files. Flushing is `sync_interval: always`: as its
// manual says, without it an acknowledged message may be lost with the machine.
func startNATS(dir string, flush bool) (place, func(), error) {
	options := &server.Options{
		Host:      "127.0.0.1",
		Port:      server.RANDOM_PORT,
		JetStream: true,
		StoreDir:  dir,
		NoSigs:    true,
		NoLog:     true,
	}
	// The default of 1,000 a stream is in the way of a fan-out to as many.
	options.JetStreamLimits.DefaultMaxConsumers = -1
	if flush {
		options.SyncAlways = true
		options.SyncInterval = 2 * time.Minute
	}
	nats, err := server.NewServer(options)
	if err != nil {
		return place{}, nil, err
	}
	nats.Start()
	stop := func() {
		nats.Shutdown()
		nats.WaitForShutdown()
	}
	if !nats.ReadyForConnections(starting) {
		stop()
		return place{}, nil, fmt.Errorf("nats is not ready after %v", starting)
	}
	if err := makeStream(nats.ClientURL()); err != nil {
		stop()
		return place{}, nil, err
	}
	return place{URL: nats.ClientURL(), Version: "JetStream " + server.VERSION}, stop, nil
}

// makeStream makes the stream, unless the folder has it already.
func makeStream(url string) error {
	connection, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer connection.Close()
	jetstream, err := connection.JetStream()
	if err != nil {
		return err
	}
	_, err = jetstream.AddStream(&nats.StreamConfig{
		Name:     stream,
		Subjects: []string{subject + ">"},
		Storage:  nats.FileStorage,
		Replicas: 1,
	})
	return err
}
