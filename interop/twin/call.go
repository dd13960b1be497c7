package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// answer is what came back: messages and a status, as text that can be compared and read.
type answer struct {
	messages []proto.Message
	status   string
}

func (a answer) String() string {
	var lines []string
	for _, m := range a.messages {
		lines = append(lines, show(m))
	}
	return strings.Join(lines, " | ") + " [" + a.status + "]"
}

func show(m proto.Message) string {
	text := prototext.MarshalOptions{Multiline: false}.Format(m)
	for strings.Contains(text, "  ") { // prototext varies its spaces on purpose.
		text = strings.ReplaceAll(text, "  ", " ")
	}
	if len(text) > 4000 {
		text = text[:4000] + "..."
	}
	return text
}

func describe(err error) string {
	if err == nil {
		return "OK"
	}
	s, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	// Go's protobuf writes one of two kinds of space into its errors, as its build happens to be.
	return fmt.Sprintf("%d %s", s.Code(), strings.ReplaceAll(s.Message(), "\u00a0", " "))
}

// unary sends one request to both sides and compares the answers after `mask` has removed what may differ.
func (s *sequence) unary(method string, request, response proto.Message, mask func(proto.Message)) [2]answer {
	return s.both(fmt.Sprintf("%s %s", method, show(request)), func(side *side) answer {
		ctx, cancel := context.WithTimeout(s.outgoing(), 20*time.Second)
		defer cancel()
		out := proto.Clone(response)
		err := side.conn.Invoke(ctx, method, request, out)
		if err != nil {
			return answer{status: describe(err)}
		}
		if mask != nil {
			mask(out)
		}
		return answer{messages: []proto.Message{out}, status: "OK"}
	})
}

// serverStream collects all messages of a streamed answer.
func (s *sequence) serverStream(method string, request, response proto.Message) [2]answer {
	return s.both(fmt.Sprintf("%s %s", method, show(request)), func(side *side) answer {
		ctx, cancel := context.WithTimeout(s.outgoing(), 20*time.Second)
		defer cancel()
		stream, err := side.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method)
		if err != nil {
			return answer{status: describe(err)}
		}
		if err := stream.SendMsg(request); err != nil && err != io.EOF {
			return answer{status: describe(err)}
		}
		_ = stream.CloseSend()
		var got answer
		for {
			out := proto.Clone(response)
			err := stream.RecvMsg(out)
			if err == io.EOF {
				got.status = "OK"
				return got
			}
			if err != nil {
				got.status = describe(err)
				return got
			}
			got.messages = append(got.messages, out)
		}
	})
}

// raw sends bytes that need not be a message at all.
func (s *sequence) raw(method string, bytes []byte) {
	s.both(fmt.Sprintf("%s raw %x", method, bytes[:min(len(bytes), 60)]), func(side *side) answer {
		ctx, cancel := context.WithTimeout(s.outgoing(), 20*time.Second)
		defer cancel()
		var out []byte
		err := side.conn.Invoke(ctx, method, bytes, &out, grpc.ForceCodec(rawCodec{}))
		// Answers' bytes may order their fields differently; refusals are what this is for.
		return answer{status: describe(err)}
	})
}

func (s *sequence) both(what string, call func(*side) answer) [2]answer {
	s.pair.requests++
	if *verbose {
		fmt.Println(s.seed, what)
	}
	answers := [2]answer{call(s.pair.sides[0]), call(s.pair.sides[1])}
	a, b := answers[0].String(), answers[1].String()
	equal := answers[0].status == answers[1].status && len(answers[0].messages) == len(answers[1].messages)
	for i := 0; equal && i < len(answers[0].messages); i++ {
		equal = proto.Equal(answers[0].messages[i], answers[1].messages[i])
	}
	if !equal {
		s.pair.differ(s, what, a, b)
	}
	return answers
}

func (s *sequence) outgoing() context.Context {
	if s.random.Intn(20) == 0 {
		return metadata.NewOutgoingContext(context.Background(), metadata.Pairs("hasleader", "true"))
	}
	return context.Background()
}

type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error {
	*(v.(*[]byte)) = append([]byte(nil), data...)
	return nil
}
func (rawCodec) Name() string { return "proto" }

var _ encoding.Codec = rawCodec{}
