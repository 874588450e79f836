package org.opensearch.transport.grpc.spi;

/** Stands in for the gRPC transport, which is published nowhere: the k-NN plugin names this type, and never uses it here. */
public interface QueryBuilderProtoConverter {}
