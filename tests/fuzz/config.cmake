weir_fuzz(config LINKS weir_config)
