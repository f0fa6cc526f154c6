"""Write the third-party .proto files that proto/ imports into .third_party/.

They come from installed wheels, so nothing is copied into the repository and no network is needed:
googleapis-common-protos ships its sources; protovalidate ships a compiled descriptor, printed back as source here by
the protobuf compiler plugin helpers.
"""
