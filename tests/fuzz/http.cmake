# The rig is a connection made of memory (tests/unit/http/rig.h).
if(NOT TARGET weir_http_rig)
  add_library(weir_http_rig STATIC ${CMAKE_SOURCE_DIR}/tests/unit/http/rig.c)
  target_link_libraries(weir_http_rig PUBLIC weir_http)
endif()

weir_fuzz(h1_head LINKS weir_http)
weir_fuzz(h1_body LINKS weir_http)
weir_fuzz(ws LINKS weir_http)
weir_fuzz(h1_session LINKS weir_http_rig)
weir_fuzz(h2_session LINKS weir_http_rig)
weir_fuzz(h2_backend LINKS weir_http_rig)
