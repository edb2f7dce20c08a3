# One INTERFACE target carries every compile and link flag; each library links it and nothing sets globals.
# Assertions stay on in release builds: BUG_IF() does not depend on NDEBUG.
add_library(weir_flags INTERFACE)
target_include_directories(weir_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(weir_flags INTERFACE _GNU_SOURCE WEIR_VERSION="${PROJECT_VERSION}")
target_compile_options(weir_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
  -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla -Wundef -fno-common
  $<$<BOOL:${WEIR_WERROR}>:-Werror>)

target_link_options(weir_flags INTERFACE $<$<BOOL:${WEIR_WERROR}>:-Werror>)

if(WEIR_SANITIZE)
  target_compile_options(weir_flags INTERFACE -fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all
                                              -fno-omit-frame-pointer)
  target_link_options(weir_flags INTERFACE -fsanitize=${WEIR_SANITIZE})
else()
  # Hardening, as Debian's own packages are built, and full RELRO.
  target_compile_options(weir_flags INTERFACE -fstack-protector-strong -fstack-clash-protection
                                              -fPIE -fvisibility=hidden)
  target_compile_options(weir_flags INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    target_compile_options(weir_flags INTERFACE -fcf-protection)
  endif()
  target_link_options(weir_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

# weir_library(NAME STEP sources... ): a room as a static library.
function(weir_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(weir_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(weir_${name} PUBLIC weir_flags ${ARG_LINKS})
endfunction()
