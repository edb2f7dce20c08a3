weir_micro(router LINKS weir_router)
