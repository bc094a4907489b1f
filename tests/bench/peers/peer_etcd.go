package main

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// prefix is below what keys are put.
const prefix = "bench/"

// etcdPeer is etcd: a put is an event, a watch is a subscription.
type etcdPeer struct{ url string }

type etcdPublisher struct{ client *clientv3.Client }

func (p etcdPeer) client() (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Endpoints:   []string{p.url},
		DialTimeout: 10 * time.Second,
		Logger:      zap.NewNop(),
	})
}

func (p etcdPeer) connect() (publisher, error) {
	client, err := p.client()
	if err != nil {
		return nil, err
	}
	return etcdPublisher{client}, nil
}

func (p etcdPublisher) publish(ctx context.Context, number int, payload []byte) error {
	_, err := p.client.Put(ctx, prefix+strconv.Itoa(number), string(payload))
	return err
}

func (p etcdPublisher) close() {
	_ = p.client.Close()
}

// subscribe makes a watch a subscriber. Those of one connection share a stream of it, as the client
// does by itself. Each has said that it stands before this returns.
func (p etcdPeer) subscribe(ctx context.Context, asked subscription) (func(), error) {
	var clients []*clientv3.Client
	var reading sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	closeAll := func() {
		cancel()
		for _, client := range clients {
			_ = client.Close()
		}
		reading.Wait()
	}
	for range min(asked.connections, asked.subscribers) {
		client, err := p.client()
		if err != nil {
			closeAll()
			return nil, err
		}
		clients = append(clients, client)
	}
	options := []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithCreatedNotify()}
	if asked.fromBeginning {
		options = append(options, clientv3.WithRev(1))
	}
	for subscriber := range asked.subscribers {
		watch := clients[subscriber%len(clients)].Watch(ctx, prefix, options...)
		if created, open := <-watch; !open || created.Err() != nil {
			closeAll()
			return nil, errors.Join(errors.New("a watch was refused"), created.Err())
		}
		reading.Go(func() { read(ctx, watch, subscriber, asked) })
	}
	return closeAll, nil
}

func read(ctx context.Context, watch clientv3.WatchChan, subscriber int, asked subscription) {
	for response := range watch {
		if err := response.Err(); err != nil && ctx.Err() == nil {
			asked.failed(err)
			return
		}
		for _, event := range response.Events {
			asked.receive(subscriber, event.Kv.Value)
		}
	}
}
