include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(dir ${CMAKE_INSTALL_LIBDIR}/cmake/landfall)
install(TARGETS landfall landfall_testing EXPORT landfall-targets FILE_SET HEADERS)
if(TARGET utf8proc)  # a fetched copy
  install(TARGETS utf8proc EXPORT landfall-targets)
  set(utf8proc_is_exported TRUE)
endif()
install(EXPORT landfall-targets NAMESPACE landfall:: DESTINATION ${dir})
configure_package_config_file(cmake/landfall-config.cmake.in landfall-config.cmake INSTALL_DESTINATION ${dir})
write_basic_package_version_file(landfall-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/landfall-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/landfall-config-version.cmake
              cmake/FindxxHash.cmake cmake/Findutf8proc.cmake DESTINATION ${dir})
