package main

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"time"
)

// payloadBytes is what an event of Potts takes, as its bench makes them.
const payloadBytes = 450

// numbers is how many subjects or keys there are: as many as there are issues.
const numbers = 1000

// job is what to do, and how.
type job struct {
	server                  int
	publishing, subscribing int
	callers, subscribers    int
	rate, events            int
	whole, warmUp           time.Duration
}

// counted is how much of the time counts.
func (j job) counted() time.Duration {
	return j.whole - j.warmUp
}

// seen is what came of it. What was not measured is absent.
type seen struct {
	Rate     *float64 `json:"rate,omitempty"`
	P50ms    *float64 `json:"p50_ms,omitempty"`
	P99ms    *float64 `json:"p99_ms,omitempty"`
	CPUus    *float64 `json:"cpu_us_per_delivery,omitempty"`
	KiB      *float64 `json:"kib_per_subscriber,omitempty"`
	Received int      `json:"received,omitempty"`
}

// ofTimes is seen of what took so long, within a time.
func ofTimes(took []time.Duration, within time.Duration) seen {
	slices.Sort(took)
	rate := float64(len(took)) / within.Seconds()
	seen := seen{Rate: &rate, Received: len(took)}
	if len(took) > 0 {
		p50, p99 := quantile(took, 500), quantile(took, 990)
		seen.P50ms, seen.P99ms = &p50, &p99
	}
	return seen
}

// quantile is, in milliseconds, what so many of a thousand sorted values do not exceed.
func quantile(sorted []time.Duration, ofThousand int) float64 {
	index := (len(sorted) - 1) * ofThousand / 1000
	return sorted[index].Seconds() * 1e3
}

// began is what times in payloads count from.
var began = time.Now()

// stamped is a payload that says when it was published.
func stamped() []byte {
	payload := make([]byte, payloadBytes)
	binary.BigEndian.PutUint64(payload, uint64(time.Since(began)))
	return payload
}

// stamp is when a payload was published.
func stamp(payload []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint64(payload))
}

// failures holds the first error of many goroutines.
type failures struct {
	mutex sync.Mutex
	first error
}

func (f *failures) add(err error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.first == nil {
		f.first = err
	}
}

// addAny adds an error if it is one.
func (f *failures) addAny(err error) {
	if err != nil {
		f.add(err)
	}
}

func (f *failures) error(others ...error) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return errors.Join(append(others, f.first)...)
}
