package main

import (
	"context"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/structpb"

	apisv2 "unkeyclients/gen/unkey/apis/v2"
	"unkeyclients/gen/unkey/apis/v2/apisv2connect"
	keysv2 "unkeyclients/gen/unkey/keys/v2"
	"unkeyclients/gen/unkey/keys/v2/keysv2connect"
	ratelimitv2 "unkeyclients/gen/unkey/ratelimit/v2"
	"unkeyclients/gen/unkey/ratelimit/v2/ratelimitv2connect"
)

type scenario func(ctx context.Context) (any, error)

func (w way) with(key string, more ...connect.ClientOption) []connect.ClientOption {
	options := append([]connect.ClientOption{connect.WithInterceptors(credential(key))}, w.options...)
	return append(options, more...)
}

func (w way) apis(key string) apisv2connect.ApisServiceClient { return w.apisAt(w.base, key) }

func (w way) apisAt(base, key string, more ...connect.ClientOption) apisv2connect.ApisServiceClient {
	return apisv2connect.NewApisServiceClient(w.http, base, w.with(key, more...)...)
}

func (w way) scenarios() map[string]scenario {
	root := w.given["root_key"]
	found := map[string]scenario{
		"success":             w.success,
		"limit":               w.limit,
		"schema":              create(w.apis(root), strings.Repeat("n", 257)),
		"no credential":       create(w.apis(""), "name"),
		"no such root key":    create(w.apis(w.given["unknown_key"]), "name"),
		"no permission":       create(w.apis(w.given["powerless_key"]), "name"),
		"workspace throttled": create(w.apis(w.given["throttled_key"]), "name"),
		"unknown api": func(ctx context.Context) (any, error) {
			return w.apis(root).GetApi(ctx, connect.NewRequest(&apisv2.GetApiRequest{ApiId: text("api_nothing")}))
		},
		"namespace deleted": func(ctx context.Context) (any, error) { return w.limitIn(ctx, w.given["gone_namespace"]) },
		"api protected": func(ctx context.Context) (any, error) {
			request := &apisv2.DeleteApiRequest{ApiId: text(w.given["protected_api"])}
			return w.apis(root).DeleteApi(ctx, connect.NewRequest(request))
		},
		"wrong address": create(w.apisAt(w.given["nowhere"], root), "name"),
		"silent service": func(ctx context.Context) (any, error) {
			ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
			defer cancel()
			return create(w.apisAt("http://"+w.given["black_hole"], root), "name")(ctx)
		},
	}
	if w.name == "connect-proto-http1" {
		found["unavailable"] = create(w.apisAt(w.given["unavailable"], root), "name")
		found["healed by a retry"] = func(ctx context.Context) (any, error) {
			again := connect.WithInterceptors(retrying())
			_, err := create(w.apisAt(w.given["healing"], root, again), "healed")(ctx)
			return err == nil, err
		}
	}
	return found
}

func text(s string) *string { return &s }

func number(n int64) *int64 { return &n }

func create(client apisv2connect.ApisServiceClient, name string) scenario {
	return func(ctx context.Context) (any, error) {
		return client.CreateApi(ctx, connect.NewRequest(&apisv2.CreateApiRequest{Name: &name}))
	}
}

func (w way) success(ctx context.Context) (any, error) {
	root := w.given["root_key"]
	api, err := w.apis(root).CreateApi(ctx, connect.NewRequest(&apisv2.CreateApiRequest{Name: text("connect-go")}))
	if err != nil {
		return nil, err
	}
	meta, err := structpb.NewStruct(map[string]any{"plan": "pro"})
	if err != nil {
		return nil, err
	}
	keys := keysv2connect.NewKeysServiceClient(w.http, w.base, w.with(root)...)
	request := &keysv2.CreateKeyRequest{
		ApiId: &api.Msg.ApiId, Name: text("ünïcode"), Expires: number(4_070_908_800_000), Meta: meta,
	}
	made, err := keys.CreateKey(ctx, connect.NewRequest(request))
	if err != nil {
		return nil, err
	}
	answer, err := keys.VerifyKey(ctx, connect.NewRequest(&keysv2.VerifyKeyRequest{Key: &made.Msg.Key}))
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"valid": answer.Msg.Valid, "code": answer.Msg.Code, "same": answer.Msg.KeyId == made.Msg.KeyId,
		"name": answer.Msg.Name, "expires": answer.Msg.GetExpires(), "meta": answer.Msg.Meta.AsMap(),
	}, nil
}

func (w way) limit(ctx context.Context) (any, error) { return w.limitIn(ctx, "go-"+w.name) }

func (w way) limitIn(ctx context.Context, namespace string) (any, error) {
	client := ratelimitv2connect.NewRatelimitServiceClient(w.http, w.base, w.with(w.given["root_key"])...)
	request := &ratelimitv2.LimitRequest{
		Namespace: &namespace, Identifier: text("u"), Limit: number(2), Duration: number(60_000),
	}
	answer, err := client.Limit(ctx, connect.NewRequest(request))
	if err != nil {
		return nil, err
	}
	return answer.Msg.Remaining, nil
}
