// gRPC's C++ server with its callback API: grpc_server PORT REPLY-BYTES
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "bench.grpc.pb.h"

class Service final : public bench::Bench::CallbackService {
public:
    explicit Service(size_t size) : data_(size, 'x') {}

    grpc::ServerUnaryReactor *Get(grpc::CallbackServerContext *context, const bench::Request *,
                                  bench::Reply *reply) override
    {
        reply->set_data(data_);
        grpc::ServerUnaryReactor *reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }

private:
    std::string data_;
};

int main(int argc, char **argv)
{
    if (argc < 3) {
        std::cerr << "usage: grpc_server PORT REPLY-BYTES\n";
        return 2;
    }
    Service service(std::strtoul(argv[2], nullptr, 10));
    grpc::ServerBuilder builder;
    builder.AddListeningPort(std::string("127.0.0.1:") + argv[1],
                             grpc::InsecureServerCredentials());
    builder.RegisterService(&service);
    std::unique_ptr<grpc::Server> server(builder.BuildAndStart());
    if (!server) {
        return 1;
    }
    server->Wait();
    return 0;
}
