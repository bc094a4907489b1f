package main

import (
	"fmt"
	"net"
	"net/url"
	"time"

	"go.etcd.io/etcd/api/v3/version"
	"go.etcd.io/etcd/server/v3/embed"
)

// spaceMax is more than any run writes: the default of 2 GiB would end in an alarm.
const spaceMax = 8 << 30

// startEtcd runs one node. It flushes its log before it answers, unless told not to.
func startEtcd(dir string, flush bool) (place, func(), error) {
	clients, err := freeURL()
	if err != nil {
		return place{}, nil, err
	}
	peers, err := freeURL()
	if err != nil {
		return place{}, nil, err
	}
	config := embed.NewConfig()
	config.Dir = dir
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{clients}, []url.URL{clients}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peers}, []url.URL{peers}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.QuotaBackendBytes = spaceMax
	config.UnsafeNoFsync = !flush
	// What matters is returned; the rest is how it says that its listeners were closed.
	config.LogLevel = "fatal"
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return place{}, nil, err
	}
	select {
	case <-etcd.Server.ReadyNotify():
	case err := <-etcd.Err():
		return place{}, nil, err
	case <-time.After(starting):
		etcd.Close()
		return place{}, nil, fmt.Errorf("etcd is not ready after %v", starting)
	}
	return place{URL: clients.String(), Version: "etcd " + version.Version}, etcd.Close, nil
}

// freeURL is a loopback address that nobody listens at. Somebody else may take it before etcd does;
// then etcd says so and ends.
func freeURL() (url.URL, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return url.URL{}, err
	}
	defer listener.Close()
	return url.URL{Scheme: "http", Host: listener.Addr().String()}, nil
}
