package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// publish lets callers publish, each one event after the other.
func publish(ctx context.Context, peer peer, job job) (seen, error) {
	connected, closeAll, err := publishers(peer, job.publishing)
	if err != nil {
		return seen{}, err
	}
	defer closeAll()
	start := time.Now()
	from, until := start.Add(job.warmUp), start.Add(job.whole)
	took := make([][]time.Duration, job.callers)
	var failed failures
	var calling sync.WaitGroup
	for caller := range job.callers {
		calling.Go(func() {
			publisher := connected[caller%len(connected)]
			for {
				called := time.Now()
				if err := publisher.publish(ctx, rand.IntN(numbers), stamped()); err != nil {
					failed.add(err)
					return
				}
				answered := time.Now()
				if answered.After(until) {
					return
				}
				if answered.After(from) {
					took[caller] = append(took[caller], answered.Sub(called))
				}
			}
		})
	}
	calling.Wait()
	return ofTimes(flat(took), job.counted()), failed.error()
}

// callersBefore is who calls before it counts, as many as with Potts.
const callersBefore = 8

// warm lets a server that was never called make what the first calls make.
func warm(ctx context.Context, peer peer, job job) error {
	job.callers, job.whole, job.warmUp = callersBefore, job.warmUp, 0
	_, err := publish(ctx, peer, job)
	return err
}

// fill publishes a log, as fast as it goes.
func fill(ctx context.Context, peer peer, job job) (seen, error) {
	connected, closeAll, err := publishers(peer, job.publishing)
	if err != nil {
		return seen{}, err
	}
	defer closeAll()
	start := time.Now()
	var failed failures
	var calling sync.WaitGroup
	for caller := range job.callers {
		calling.Go(func() {
			publisher := connected[caller%len(connected)]
			for number := caller; number < job.events; number += job.callers {
				if err := publisher.publish(ctx, number%numbers, stamped()); err != nil {
					failed.add(err)
					return
				}
			}
		})
	}
	calling.Wait()
	rate := float64(job.events) / time.Since(start).Seconds()
	return seen{Rate: &rate, Received: job.events}, failed.error()
}

// flat joins what many goroutines have kept apart.
func flat(parts [][]time.Duration) []time.Duration {
	var all []time.Duration
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}
