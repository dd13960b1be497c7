// Command grpc plays one list of calls with Go's client against two servers, Go's own and the one at -target, and
// prints a line for every call whose outcome differs. Both servers have the same three methods that echo bytes.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// raw passes bytes through, so that no message needs a schema.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = bytes.Clone(data); return nil }
func (raw) Name() string                       { return "raw" }

func main() {
	target := flag.String("target", "", "host:port of the server to compare with Go's")
	serve := flag.Bool("serve", false, "only serve, and print where")
	flag.Parse()
	encoding.RegisterCodec(raw{})
	goTarget := serveGo()
	if *serve {
		fmt.Println(goTarget)
		io.Copy(io.Discard, os.Stdin)
		return
	}
	same, different := 0, 0
	for _, each := range calls {
		want, got := play(goTarget, each.play), play(*target, each.play)
		if want == got {
			same++
			continue
		}
		different++
		fmt.Printf("%s:\n  Go's:  %s\n  other: %s\n", each.name, want, got)
	}
	fmt.Printf("grpc: %d same, %d different\n", same, different)
	if different > 0 {
		os.Exit(1)
	}
}

// serveGo starts Go's server with the limits of etcd.
func serveGo() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.MaxRecvMsgSize(2097152), grpc.MaxSendMsgSize(1<<31-1))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Echo",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Unary", Handler: unary}},
		Streams: []grpc.StreamDesc{
			{StreamName: "Lines", Handler: lines, ServerStreams: true},
			{StreamName: "Chat", Handler: chat, ServerStreams: true, ClientStreams: true},
		},
	}, struct{}{})
	go server.Serve(listener)
	return listener.Addr().String()
}

func refusal(said []byte) error {
	if text, ok := strings.CutPrefix(string(said), "fail "); ok {
		return status.Error(codes.NotFound, text)
	}
	return nil
}

func unary(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var said []byte
	if err := decode(&said); err != nil {
		return nil, err
	}
	if string(said) == "wait" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if string(said) == "metadata" {
		md, _ := metadata.FromIncomingContext(ctx)
		said = []byte(strings.Join(md.Get("token"), ",") + "/" + strings.Join(md.Get("absent"), ","))
	}
	return &said, refusal(said)
}

func lines(_ any, stream grpc.ServerStream) error {
	var said []byte
	if err := stream.RecvMsg(&said); err != nil {
		return err
	}
	if err := refusal(said); err != nil {
		return err
	}
	for range 100 {
		if err := stream.SendMsg(&said); err != nil {
			return err
		}
	}
	return nil
}

func chat(_ any, stream grpc.ServerStream) error {
	for {
		var said []byte
		if err := stream.RecvMsg(&said); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := refusal(said); err != nil {
			return err
		}
		if err := stream.SendMsg(&said); err != nil {
			return err
		}
	}
}

func play(target string, each func(*grpc.ClientConn, context.Context) string) string {
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(1<<30)))
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return each(conn, ctx)
}

func show(said []byte, err error) string {
	if len(said) > 100 {
		said = fmt.Appendf(nil, "%d x %q", len(said), said[0])
	}
	return fmt.Sprintf("%q %v", said, err)
}

func ask(path string, said []byte, options ...grpc.CallOption) func(*grpc.ClientConn, context.Context) string {
	return func(conn *grpc.ClientConn, ctx context.Context) string {
		var answer []byte
		err := conn.Invoke(ctx, path, &said, &answer, options...)
		return show(answer, err)
	}
}

var bidi = &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

// talk sends everything, then its end, and reads everything.
func talk(path string, said ...[]byte) func(*grpc.ClientConn, context.Context) string {
	return func(conn *grpc.ClientConn, ctx context.Context) string {
		stream, err := conn.NewStream(ctx, bidi, path)
		if err != nil {
			return err.Error()
		}
		go func() {
			for _, each := range said {
				if stream.SendMsg(&each) != nil {
					return
				}
			}
			stream.CloseSend()
		}()
		count, total := 0, 0
		for {
			var answer []byte
			if err := stream.RecvMsg(&answer); err != nil {
				return fmt.Sprintf("%d messages, %d bytes, %v", count, total, err)
			}
			count++
			total += len(answer)
		}
	}
}

func many(count, length int) [][]byte {
	all := make([][]byte, count)
	for i := range all {
		all[i] = bytes.Repeat([]byte{'x'}, length)
	}
	return all
}

var calls = []struct {
	name string
	play func(*grpc.ClientConn, context.Context) string
}{
	{"unary", ask("/test.Echo/Unary", []byte("hello"))},
	{"empty", ask("/test.Echo/Unary", nil)},
	{"refused", ask("/test.Echo/Unary", []byte("fail etcdserver: key not found"))},
	{"refused in UTF-8", ask("/test.Echo/Unary", []byte("fail 100% naïve 鍵 😀\n\ttab"))},
	{"refused with bytes that are no text", ask("/test.Echo/Unary", []byte("fail \xff\xfe"))},
	{"unknown method", ask("/test.Echo/Nope", nil)},
	{"unknown service", ask("/no.Such/Unary", nil)},
	{"no method", ask("/nothing", nil)},
	{"deep path", ask("/a/b/c", nil)},
	{"the largest message", ask("/test.Echo/Unary", many(1, 2097152)[0])},
	{"a message too large", ask("/test.Echo/Unary", many(1, 2097153)[0])},
	{"a message much too large", ask("/test.Echo/Unary", many(1, 9000000)[0])},
	{"gzip", ask("/test.Echo/Unary", many(1, 500000)[0], grpc.UseCompressor("gzip"))},
	{"gzip bomb", ask("/test.Echo/Unary", many(1, 9000000)[0], grpc.UseCompressor("gzip"))},
	{"a stream", talk("/test.Echo/Chat", []byte("a"), []byte("b"))},
	{"a stream without messages", talk("/test.Echo/Chat")},
	{"a stream of small messages", talk("/test.Echo/Chat", many(20000, 20)...)},
	{"a stream of large messages", talk("/test.Echo/Chat", many(30, 1500000)...)},
	{"a stream that is refused midway", talk("/test.Echo/Chat", []byte("a"), []byte("fail b"))},
	{"one question, many answers", talk("/test.Echo/Lines", many(1, 300000)...)},
	{"no question", talk("/test.Echo/Lines")},
	{"two questions", talk("/test.Echo/Lines", []byte("a"), []byte("b"))},
	{"a unary method without a message", talk("/test.Echo/Unary")},
	{"metadata", func(conn *grpc.ClientConn, ctx context.Context) string {
		ctx = metadata.AppendToOutgoingContext(ctx, "token", "abc.7", "x-bin", "\x00\xff")
		return ask("/test.Echo/Unary", []byte("metadata"))(conn, ctx)
	}},
	{"a deadline", func(conn *grpc.ClientConn, ctx context.Context) string {
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		return ask("/test.Echo/Unary", []byte("wait"))(conn, ctx)
	}},
	{"a cancellation", func(conn *grpc.ClientConn, ctx context.Context) string {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(50*time.Millisecond, cancel)
		return ask("/test.Echo/Unary", []byte("wait"))(conn, ctx) + ask("/test.Echo/Unary", []byte("after"))(conn, context.Background())
	}},
	{"many calls at once", func(conn *grpc.ClientConn, ctx context.Context) string {
		return atOnce(2000, func(i int) string { return ask("/test.Echo/Unary", fmt.Appendf(nil, "call %d", i))(conn, ctx) })
	}},
	{"many large calls at once", func(conn *grpc.ClientConn, ctx context.Context) string {
		return atOnce(100, func(int) string { return ask("/test.Echo/Unary", many(1, 1000000)[0])(conn, ctx) })
	}},
	{"calls given up at once, and one more", func(conn *grpc.ClientConn, ctx context.Context) string {
		atOnce(1000, func(int) string {
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			return ask("/test.Echo/Unary", []byte("wait"))(conn, ctx)
		})
		return ask("/test.Echo/Unary", []byte("after"))(conn, ctx)
	}},
	{"a slow reader", func(conn *grpc.ClientConn, ctx context.Context) string {
		stream, err := conn.NewStream(ctx, bidi, "/test.Echo/Lines")
		if err != nil {
			return err.Error()
		}
		said := many(1, 1000000)[0]
		stream.SendMsg(&said)
		stream.CloseSend()
		other := ask("/test.Echo/Unary", []byte("meanwhile"))(conn, ctx)
		time.Sleep(300 * time.Millisecond)
		for count := 0; ; count++ {
			var answer []byte
			if err := stream.RecvMsg(&answer); err != nil {
				return fmt.Sprintf("%s, %d messages, %v", other, count, err)
			}
		}
	}},
}

func atOnce(count int, call func(int) string) string {
	outcomes := make([]string, count)
	var group sync.WaitGroup
	for i := range outcomes {
		group.Go(func() { outcomes[i] = call(i) })
	}
	group.Wait()
	return strings.Join(outcomes, "\n")
}
