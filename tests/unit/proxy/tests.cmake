weir_test(proxy test_tls LINKS weir_proxy)
weir_test(proxy test_plane LINKS weir_proxy)
weir_test(proxy test_networks LINKS weir_proxy)
weir_test(proxy test_proxy_protocol LINKS weir_proxy)
