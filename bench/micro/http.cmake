weir_micro(http LINKS weir_http)
