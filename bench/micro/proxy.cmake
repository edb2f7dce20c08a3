weir_micro(proxy LINKS weir_proxy)
