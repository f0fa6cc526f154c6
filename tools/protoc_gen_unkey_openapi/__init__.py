"""A protoc plugin that derives the OpenAPI document from descriptors, options and comments.

It reads google.api.http for paths, buf.validate for constraints and unkey.options.v1 for everything else. It does not
use the generated code in gen/, because that is rebuilt in the same run: extensions are found in the descriptors it is
given. The output depends on the input only, so it can be compared with what is committed.

    policies    options of methods, fields and messages as plain values
    comments    documentation as Markdown
    constraints buf.validate rules as JSON Schema keywords
    schemas     messages as component schemas
    operations  methods as path items
    envelope    what surrounds every answer: meta, errors, security
    document    all of it together
"""
