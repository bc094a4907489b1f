package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// lost is how long an event may take until it counts as lost.
const lost = 30 * time.Second

// look is how often a count is looked at that others raise.
const look = 5 * time.Millisecond

// fanOut publishes at a steady rate, and sees how long events take to every subscriber.
func fanOut(ctx context.Context, peer peer, job job) (seen, error) {
	connected, closePublishers, err := publishers(peer, job.publishing)
	if err != nil {
		return seen{}, err
	}
	defer closePublishers()
	var failed failures
	var received atomic.Int64
	var countFrom atomic.Int64
	took := make([][]time.Duration, job.subscribers)
	closeSubscribers, err := peer.subscribe(ctx, subscription{
		subscribers: job.subscribers,
		connections: job.subscribing,
		failed:      failed.add,
		receive: func(subscriber int, payload []byte) {
			published := stamp(payload)
			if published >= time.Duration(countFrom.Load()) {
				took[subscriber] = append(took[subscriber], time.Since(began)-published)
			}
			received.Add(1)
		},
	})
	if err != nil {
		return seen{}, err
	}
	countFrom.Store(int64(time.Since(began) + job.warmUp))
	before, err := cpu(job.server)
	if err != nil {
		closeSubscribers()
		return seen{}, err
	}
	calls := publishSteadily(ctx, connected, job, &failed)
	wanted := int64(calls) * int64(job.subscribers)
	err = until(func() bool { return received.Load() >= wanted || failed.error() != nil })
	after, cpuErr := cpu(job.server)
	closeSubscribers()
	if err := failed.error(err, cpuErr); err != nil {
		return seen{}, fmt.Errorf("%d of %d deliveries: %w", received.Load(), wanted, err)
	}
	seen := ofTimes(flat(took), job.counted())
	seen.CPUus = perDelivery(after-before, wanted)
	return seen, nil
}

// publishSteadily publishes so many a second, whether or not earlier ones were answered, and says
// how many it published.
func publishSteadily(ctx context.Context, to []publisher, job job, failed *failures) int {
	calls := int(job.whole.Seconds() * float64(job.rate))
	ticks := time.NewTicker(time.Second / time.Duration(job.rate))
	defer ticks.Stop()
	start := time.Now()
	var calling sync.WaitGroup
	for number := 0; number < calls; {
		<-ticks.C
		// A ticker drops what nobody took in time; the rate is to stay.
		due := int(time.Since(start).Seconds() * float64(job.rate))
		for ; number < min(due, calls); number++ {
			publisher, key, payload := to[number%len(to)], number%numbers, stamped()
			calling.Go(func() {
				if err := publisher.publish(ctx, key, payload); err != nil {
					failed.add(err)
				}
			})
		}
	}
	calling.Wait()
	return calls
}

// saturate publishes as fast as it goes, and counts what subscribers get.
func saturate(ctx context.Context, peer peer, job job) (seen, error) {
	var failed failures
	received := make([]struct {
		count atomic.Int64
		_     [56]byte // Its own cache line: subscribers count at the same time.
	}, job.subscribers)
	sum := func() int64 {
		var sum int64
		for subscriber := range received {
			sum += received[subscriber].count.Load()
		}
		return sum
	}
	closeSubscribers, err := peer.subscribe(ctx, subscription{
		subscribers: job.subscribers,
		connections: job.subscribing,
		failed:      failed.add,
		receive:     func(subscriber int, _ []byte) { received[subscriber].count.Add(1) },
	})
	if err != nil {
		return seen{}, err
	}
	defer closeSubscribers()
	publishing := make(chan error, 1)
	go func() {
		_, err := publish(ctx, peer, job)
		publishing <- err
	}()
	time.Sleep(job.warmUp)
	start, before := time.Now(), sum()
	cpuBefore, err := cpu(job.server)
	failed.addAny(err)
	time.Sleep(job.counted())
	after, took := sum(), time.Since(start)
	cpuAfter, err := cpu(job.server)
	failed.addAny(err)
	// What is under way may wait behind all that subscribers were not given yet.
	failed.addAny(<-publishing)
	rate := float64(after-before) / took.Seconds()
	cpu := perDelivery(cpuAfter-cpuBefore, after-before)
	return seen{Rate: &rate, CPUus: cpu, Received: int(after - before)}, failed.error()
}

// catchUp reads a log from its beginning.
func catchUp(ctx context.Context, peer peer, job job) (seen, error) {
	var failed failures
	var received atomic.Int64
	start := time.Now()
	all := make(chan time.Duration, 1)
	closeSubscriber, err := peer.subscribe(ctx, subscription{
		subscribers:   1,
		connections:   1,
		fromBeginning: true,
		failed:        failed.add,
		receive: func(int, []byte) {
			if received.Add(1) == int64(job.events) {
				all <- time.Since(start)
			}
		},
	})
	if err != nil {
		return seen{}, err
	}
	defer closeSubscriber()
	select {
	case took := <-all:
		rate := float64(job.events) / took.Seconds()
		return seen{Rate: &rate, Received: job.events}, failed.error()
	case <-ctx.Done():
		return seen{}, failed.error(fmt.Errorf("%d of %d events", received.Load(), job.events))
	}
}

// idle sees what subscribers cost that are told nothing, for the time of the job.
func idle(ctx context.Context, peer peer, job job) (seen, error) {
	var failed failures
	asked := subscription{
		subscribers: 1,
		connections: 1,
		failed:      failed.add,
		receive:     func(int, []byte) {},
	}
	// What the first one makes is made for all.
	closeFirst, err := peer.subscribe(ctx, asked)
	if err != nil {
		return seen{}, err
	}
	closeFirst()
	before, err := memoryKiB(job.server)
	if err != nil {
		return seen{}, err
	}
	asked.subscribers, asked.connections = job.subscribers, job.subscribing
	closeSubscribers, err := peer.subscribe(ctx, asked)
	if err != nil {
		return seen{}, err
	}
	defer closeSubscribers()
	time.Sleep(job.whole)
	after, err := memoryKiB(job.server)
	each := (after - before) / float64(job.subscribers)
	return seen{KiB: &each}, failed.error(err)
}

// until waits until something is so.
func until(so func() bool) error {
	for deadline := time.Now().Add(lost); !so(); time.Sleep(look) {
		if time.Now().After(deadline) {
			return fmt.Errorf("lost after %v", lost)
		}
	}
	return nil
}

func perDelivery(took time.Duration, deliveries int64) *float64 {
	each := took.Seconds() * 1e6 / float64(max(deliveries, 1))
	return &each
}
