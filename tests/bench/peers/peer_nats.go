package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/nats-io/nats.go"
)

// natsPeer is JetStream.
type natsPeer struct{ url string }

type natsPublisher struct {
	connection *nats.Conn
	jetstream  nats.JetStreamContext
}

func (p natsPeer) connect() (publisher, error) {
	connection, err := nats.Connect(p.url)
	if err != nil {
		return nil, err
	}
	jetstream, err := connection.JetStream()
	if err != nil {
		connection.Close()
		return nil, err
	}
	return natsPublisher{connection, jetstream}, nil
}

func (p natsPublisher) publish(ctx context.Context, number int, payload []byte) error {
	_, err := p.jetstream.Publish(subject+strconv.Itoa(number), payload, nats.Context(ctx))
	return err
}

func (p natsPublisher) close() {
	p.connection.Close()
}

// subscribe makes an ordered push consumer a subscriber: as Subscribe of Potts does, it gives each
// event once and in order, and asks for no acknowledgement.
func (p natsPeer) subscribe(_ context.Context, asked subscription) (func(), error) {
	var connections []*nats.Conn
	closeAll := func() {
		for _, connection := range connections {
			connection.Close()
		}
	}
	lost := func(_ *nats.Conn, _ *nats.Subscription, err error) {
		// Closing is the one thing that is no loss.
		if !errors.Is(err, nats.ErrConnectionClosed) {
			asked.failed(err)
		}
	}
	for range min(asked.connections, asked.subscribers) {
		connection, err := nats.Connect(p.url, nats.ErrorHandler(lost))
		if err != nil {
			closeAll()
			return nil, err
		}
		connections = append(connections, connection)
	}
	start := nats.DeliverNew()
	if asked.fromBeginning {
		start = nats.DeliverAll()
	}
	for subscriber := range asked.subscribers {
		jetstream, err := connections[subscriber%len(connections)].JetStream()
		if err != nil {
			closeAll()
			return nil, err
		}
		receive := func(message *nats.Msg) { asked.receive(subscriber, message.Data) }
		subscribed, err := jetstream.Subscribe(subject+">", receive, nats.OrderedConsumer(), start)
		if err != nil {
			closeAll()
			return nil, err
		}
		// The client drops what it cannot hold; a reader that is behind is to wait instead.
		if err := subscribed.SetPendingLimits(-1, -1); err != nil {
			closeAll()
			return nil, err
		}
	}
	return closeAll, nil
}
