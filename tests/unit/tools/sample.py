"""A small service that uses everything the OpenAPI generator knows."""

SAMPLE = r"""
syntax = "proto3";

package unkey.sample.v2;

import "buf/validate/validate.proto";
import "google/api/annotations.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "unkey/common/v1/pagination.proto";
import "unkey/options/v1/options.proto";

// Keeps things.
service SampleService {
  // Make a thing. It is
  // kept for ever.
  //
  // Repeating is safe.
  rpc MakeThing(MakeThingRequest) returns (MakeThingResponse) {
    option (google.api.http) = {post: "/v2/sample.makeThing" body: "*"};
    option (unkey.options.v1.method) = {
      title: "Make thing" auth: AUTH_KIND_ROOT_KEY success_status: 201
      permissions: ["a.*.b"] errors: [400, 429] open_envelope: true
    };
  }
  // List things.
  rpc ListThings(ListThingsRequest) returns (ListThingsResponse) {
    option (google.api.http) = {post: "/v2/sample.listThings" body: "filters" response_body: "things"};
    option (unkey.options.v1.method) = {title: "List things" auth: AUTH_KIND_PORTAL_SESSION errors: [500]};
  }
  // Drop a thing.
  rpc DropThing(DropThingRequest) returns (DropThingResponse) {
    option (google.api.http) = {get: "/v2/sample"};
    option (unkey.options.v1.method) = {title: "Drop thing" auth: AUTH_KIND_NONE no_data: true};
    option deprecated = true;
  }
  // Not for the public.
  rpc Hidden(DropThingRequest) returns (DropThingResponse) {
    option (google.api.http) = {get: "/v2/sample.hidden"};
    option (unkey.options.v1.method) = {internal: true};
  }
  // Ours alone.
  rpc Polish(DropThingRequest) returns (DropThingResponse) {
    option (google.api.http) = {get: "/v2/sample.polish"};
    option (unkey.options.v1.method) = {title: "Polish thing" auth: AUTH_KIND_NONE extension: true};
  }
  // Over protobuf only.
  rpc Unbound(DropThingRequest) returns (DropThingResponse);
}

// How big.
enum Size {
  // Not known.
  SIZE_UNSPECIFIED = 0;
  // Big.
  SIZE_BIG = 1;
}

// A thing to make.
message MakeThingRequest {
  option (buf.validate.message).cel = {
    id: "message.min_properties.2" message: "too few" expression: "true"
  };
  // Its name.
  optional string name = 1 [
    (buf.validate.field).required = true,
    (buf.validate.field).string = {min_len: 2 max_len: 9 pattern: "^[a-z]+$"}
  ];
  // How many.
  optional int64 item_count = 2 [
    (buf.validate.field).int64 = {gte: 0 lte: 9223372036854775807},
    (unkey.options.v1.field).nullable = true,
    (unkey.options.v1.field).default_value = "1"
  ];
  // Which kind.
  optional string kind = 3 [
    (buf.validate.field).string = {in: ["old", "new"]}, (unkey.options.v1.field).nullable = true
  ];
  // Free form.
  google.protobuf.Struct meta = 4 [(buf.validate.field).cel = {
    id: "struct.max_properties.5" message: "too many" expression: "size(this) <= 5"
  }];
  // Words.
  repeated string words = 5 [
    (buf.validate.field).repeated = {min_items: 0 max_items: 3 unique: true items: {string: {max_len: 4}}},
    (unkey.options.v1.field).present = true
  ];
  // A part.
  Part part = 6 [(unkey.options.v1.field).nullable = true];
  // Secret.
  string password = 7 [(unkey.options.v1.field).redact = true, deprecated = true];
  // Not in JSON.
  google.protobuf.FieldMask null_fields = 100 [(unkey.options.v1.field).hidden = true];
  // By name.
  map<string, Part> parts = 8 [(buf.validate.field).map.max_pairs = 7];
  // Size.
  Size size = 9;
  // Where to look.
  string home = 10 [(buf.validate.field).string.uri = true];
}

// A part, which may have parts.
message Part {
  option (unkey.options.v1.message).ignore_unknown = true;
  option (buf.validate.message).oneof = {fields: ["left_side", "right_side"], required: true};
  // Left.
  string left_side = 1;
  // Right.
  string right_side = 2;
  // Further parts.
  repeated Part parts = 3;
}

// The made thing.
message MakeThingResponse {
  // Its id.
  string thing_id = 1 [(unkey.options.v1.field).present = true];
  // How it shines; ours alone.
  string shine = 2 [(unkey.options.v1.field).extension = true];
}

// Filters.
message ListThingsRequest {
  // The filters.
  repeated Part filters = 1 [(buf.validate.field).repeated.min_items = 1];
}

// One page.
message ListThingsResponse {
  // The things.
  repeated Part things = 1;
  // Where the listing stands.
  unkey.common.v1.Pagination pagination = 2;
}

// Nothing.
message DropThingRequest {}

// Nothing.
message DropThingResponse {}
"""
