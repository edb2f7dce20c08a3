weir_test(proxy test_tls LINKS weir_proxy)
weir_test(proxy test_plane LINKS weir_proxy)
weir_test(proxy test_grpc LINKS weir_proxy)
