// gRPC's C++ server with its callback API: grpc_server PORT REPLY-BYTES [CERT KEY]
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
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

static std::string contents(const char *path)
{
    std::ostringstream all;
    all << std::ifstream(path).rdbuf();
    return all.str();
}

static std::shared_ptr<grpc::ServerCredentials> credentials(int argc, char **argv)
{
    if (argc < 5) {
        return grpc::InsecureServerCredentials();
    }
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({contents(argv[4]), contents(argv[3])});
    return grpc::SslServerCredentials(options);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        std::cerr << "usage: grpc_server PORT REPLY-BYTES [CERT KEY]\n";
        return 2;
    }
    Service service(std::strtoul(argv[2], nullptr, 10));
    grpc::ServerBuilder builder;
    builder.AddListeningPort(std::string("127.0.0.1:") + argv[1], credentials(argc, argv));
    builder.RegisterService(&service);
    std::unique_ptr<grpc::Server> server(builder.BuildAndStart());
    if (!server) {
        return 1;
    }
    server->Wait();
    return 0;
}
