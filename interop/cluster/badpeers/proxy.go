package main

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"strings"
	"sync"

	"quorate.dev/interop/cluster"
	"quorate.dev/interop/cluster/fleet"
)

// proxy stands before a member's peer port and spoils what passes, as it is told.
type proxy struct {
	node *cluster.Node

	mu sync.Mutex
	// Each spoils one snapshot post, or one stream.
	posts, streams []fault
	// fragile is the id of a member that must not get what ends Go's.
	fragile string
}

// fault is one way to spoil a body.
type fault struct {
	spoil func(io.Reader) io.Reader
	// endsGo says that a member of Go panics over it.
	endsGo bool
}

// stand puts a proxy before a member that has not been started.
func stand(node *cluster.Node) (*proxy, error) {
	p := &proxy{node: node}
	target, err := url.Parse(node.PeerURL())
	if err != nil {
		return nil, err
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.FlushInterval = -1
	forward.ErrorLog = log.New(io.Discard, "", 0)
	forward.Transport = &http.Transport{DisableCompression: true}
	forward.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) }
	forward.ModifyResponse = func(answer *http.Response) error {
		if answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Request.URL.Path, "/raft/stream") {
			return nil
		}
		if spoil := p.take(&p.streams, path.Base(answer.Request.URL.Path)); spoil != nil {
			answer.Body = body{spoil(answer.Body), answer.Body}
		}
		return nil
	}
	address := fleetAddress()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	node.Advertised = address
	server := &http.Server{ErrorLog: forward.ErrorLog, Handler: http.HandlerFunc(func(w http.ResponseWriter, asked *http.Request) {
		if asked.URL.Path == "/raft/snapshot" {
			if spoil := p.take(&p.posts, ""); spoil != nil {
				asked.Body = body{spoil(asked.Body), asked.Body}
				asked.ContentLength = -1
			}
		}
		forward.ServeHTTP(w, asked)
	})}
	go server.Serve(listener)
	return p, nil
}

type body struct {
	io.Reader
	io.Closer
}

// take is the next way to spoil what goes to this member.
func (p *proxy) take(from *[]fault, to string) func(io.Reader) io.Reader {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, f := range *from {
		if f.endsGo && to == p.fragile {
			continue
		}
		*from = append((*from)[:i:i], (*from)[i+1:]...)
		return f.spoil
	}
	return nil
}

func (p *proxy) spoil(posts, streams []fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.posts, p.streams = posts, streams
}

// left is how many are still to be spoiled.
func (p *proxy) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.posts) + len(p.streams)
}

func fleetAddress() string { return net.JoinHostPort("127.0.0.1", itoa(fleet.FreePort())) }

var errCut = errors.New("cut by the proxy")

// cutAfter ends with an error after so many bytes: the connection breaks.
func cutAfter(bytes int64) func(io.Reader) io.Reader {
	return func(r io.Reader) io.Reader { return io.MultiReader(io.LimitReader(r, bytes), broken{}) }
}

// endAfter ends in good order, as if that were all.
func endAfter(bytes int64) func(io.Reader) io.Reader {
	return func(r io.Reader) io.Reader { return io.LimitReader(r, bytes) }
}

// garbage comes instead of what was said, then the end.
func garbage(b []byte) func(io.Reader) io.Reader {
	return func(io.Reader) io.Reader { return bytes.NewReader(b) }
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errCut }

// boltMagic stands 16 bytes into a bbolt file and again a page later.
var boltMagic = []byte{0xed, 0xda, 0x0c, 0xed}

// inDatabase changes the database in a snapshot post when all of it has come.
func inDatabase(change func(db []byte) []byte) func(io.Reader) io.Reader {
	return func(r io.Reader) io.Reader {
		all, err := io.ReadAll(r)
		if err != nil {
			return broken{}
		}
		at := bytes.Index(all, boltMagic)
		if at < 16 {
			return bytes.NewReader(all)
		}
		start := at - 16
		return io.MultiReader(bytes.NewReader(all[:start]), bytes.NewReader(change(append([]byte(nil), all[start:]...))))
	}
}
