# A loop in a thread, a redis-server, a false one; a control plane with workers that only adopt.
add_library(weir_control_rig STATIC control/rig.c control/rig_flip.c control/rig_store.c control/rig_weir.c)
target_link_libraries(weir_control_rig PUBLIC weir_control PkgConfig::CMOCKA)

foreach(file test_document test_signature test_plan)
  weir_test(control ${file} LINKS weir_control)
endforeach()
foreach(file test_flip test_precedence test_redis test_store_redis test_control test_fleet test_admin
             test_status test_state test_history test_admin_call)
  weir_test(control ${file} LINKS weir_control_rig)
endforeach()
