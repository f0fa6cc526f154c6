// Command unkeyclients calls the service with connect-go and code generated from proto/, over every protocol it speaks.
// It reads what it needs to know as JSON and prints, per scenario, what it found or the error it met.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect"

	commonv1 "unkeyclients/gen/unkey/common/v1"
)

const long = 20 * time.Second

type result struct {
	Value any      `json:"value,omitempty"`
	Error *failure `json:"error,omitempty"`
}

type failure struct {
	Code      string   `json:"code"`
	Status    int32    `json:"status"`
	Urn       string   `json:"urn"`
	Locations []string `json:"locations"`
	Message   string   `json:"message"`
}

func main() {
	var given map[string]string
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		panic(err)
	}
	report := map[string]result{}
	for _, way := range ways(given) {
		for name, run := range way.scenarios() {
			ctx, cancel := context.WithTimeout(context.Background(), long)
			report[way.name+" "+name] = outcome(run(ctx))
			cancel()
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		panic(err)
	}
}

func outcome(value any, err error) result {
	if err == nil {
		return result{Value: value}
	}
	found := &failure{Code: connect.CodeOf(err).String(), Message: err.Error()}
	var refused *connect.Error
	if errors.As(err, &refused) && len(refused.Details()) > 0 {
		if message, broken := refused.Details()[0].Value(); broken == nil {
			if detail, ours := message.(*commonv1.ErrorDetail); ours {
				found.Status, found.Urn = detail.Status, detail.Urn
				for _, violation := range detail.Violations {
					found.Locations = append(found.Locations, violation.Location)
				}
			}
		}
	}
	return result{Error: found}
}

// way is a protocol, an encoding and a version of HTTP.
type way struct {
	name    string
	given   map[string]string
	base    string
	http    *http.Client
	options []connect.ClientOption
}

func ways(given map[string]string) []way {
	plain, multiplexed := client(false), client(true)
	return []way{
		{"connect-proto-http1", given, given["base"], plain, nil},
		{"connect-json-http1", given, given["base"], plain, []connect.ClientOption{connect.WithProtoJSON()}},
		{"connect-proto-http2", given, given["http2"], multiplexed, nil},
		{"connect-json-http2", given, given["http2"], multiplexed, []connect.ClientOption{connect.WithProtoJSON()}},
		{"grpc-http2", given, given["http2"], multiplexed, []connect.ClientOption{connect.WithGRPC()}},
		{"grpcweb-http1", given, given["base"], plain, []connect.ClientOption{connect.WithGRPCWeb()}},
		{"grpcweb-http2", given, given["http2"], multiplexed, []connect.ClientOption{connect.WithGRPCWeb()}},
	}
}

func client(http2 bool) *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &http.Client{Transport: &http.Transport{Protocols: &protocols, DialContext: dialer.DialContext}}
}

// credential adds the Authorization header; an empty key adds none.
func credential(key string) connect.Interceptor {
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
			if key != "" {
				request.Header().Set("Authorization", "Bearer "+key)
			}
			return next(ctx, request)
		}
	})
}

// retrying repeats a call once when the service is unavailable, as callers of connect-go do by themselves.
func retrying() connect.Interceptor {
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
			answer, err := next(ctx, request)
			if connect.CodeOf(err) == connect.CodeUnavailable && err != nil {
				return next(ctx, request)
			}
			return answer, err
		}
	})
}
