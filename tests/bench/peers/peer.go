package main

import (
	"context"
	"fmt"
)

// publisher publishes on a connection of its own; its methods may be called at the same time.
type publisher interface {
	// publish returns when the event is on the disk.
	publish(ctx context.Context, number int, payload []byte) error
	close()
}

// subscription asks for events.
type subscription struct {
	// subscribers is how many there are, over so many connections.
	subscribers, connections int
	// fromBeginning, or from now.
	fromBeginning bool
	// receive gets the payloads of a subscriber, one after the other.
	receive func(subscriber int, payload []byte)
	// failed is told when a subscriber has lost its place.
	failed func(error)
}

// peer is a rival that runs somewhere.
type peer interface {
	connect() (publisher, error)
	// subscribe returns when all subscriptions stand; the function that it returns ends them.
	subscribe(ctx context.Context, asked subscription) (func(), error)
}

// dial is the rival at an address.
func dial(rival, url string) (peer, error) {
	if url == "" {
		return nil, fmt.Errorf("--url is missing")
	}
	switch rival {
	case "nats":
		return natsPeer{url}, nil
	case "etcd":
		return etcdPeer{url}, nil
	default:
		return nil, fmt.Errorf("%q is no rival", rival)
	}
}

// publishers connects so many.
func publishers(peer peer, count int) ([]publisher, func(), error) {
	var connected []publisher
	closeAll := func() {
		for _, publisher := range connected {
			publisher.close()
		}
	}
	for range count {
		publisher, err := peer.connect()
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		connected = append(connected, publisher)
	}
	return connected, closeAll, nil
}
