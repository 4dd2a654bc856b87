# What other programs build against: one archive with the embedded engine and the network client, their headers, shoal.pc.
#   cmake --install build --prefix DIR
#   PKG_CONFIG_PATH=DIR/lib/pkgconfig cc app.c $(pkg-config --cflags --libs shoal)
set(archive_objects)
foreach(module base tls bitmap column table event query audience train feed shard protocol client)
  if(TARGET shoal_${module})
    list(APPEND archive_objects $<TARGET_OBJECTS:shoal_${module}>)
  endif()
endforeach()
add_library(shoal_archive STATIC ${archive_objects})
set_target_properties(shoal_archive PROPERTIES OUTPUT_NAME shoal LINKER_LANGUAGE C)

# Relative to the file itself, so that the tree may be installed anywhere and moved.
file(RELATIVE_PATH shoal_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_CURRENT_SOURCE_DIR}/shoal.pc.in ${CMAKE_BINARY_DIR}/shoal.pc @ONLY)

install(TARGETS shoal_archive ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT devel)
install(FILES ${CMAKE_BINARY_DIR}/shoal.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT devel)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/shoal DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT devel
  FILES_MATCHING PATTERN "*.h")
