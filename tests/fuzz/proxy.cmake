weir_fuzz(proxy_protocol LINKS weir_proxy)
