add_library(weir_tls_rig STATIC ${CMAKE_SOURCE_DIR}/tests/unit/proxy/tls_rig.c)
target_link_libraries(weir_tls_rig PUBLIC weir_proxy PkgConfig::CMOCKA)

foreach(file test_boundary test_tls test_plane test_grpc test_names test_networks test_proxy_protocol test_tally test_sandbox test_capture test_sockets)
  weir_test(proxy ${file} LINKS weir_proxy)
endforeach()
foreach(file test_tls_certs test_tls_sessions)
  weir_test(proxy ${file} LINKS weir_tls_rig)
endforeach()
