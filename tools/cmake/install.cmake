# The library for programs that embed it: `find_package(kg)` gives kg::kg_engine, kg::kg_query and
# kg::kg_ingest. Component `embed`; headers under include/kg, so that they are included as here.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS kg_flags kg_schemas kg_storage kg_rules kg_engine kg_query kg_ingest
  EXPORT kgTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT embed)
install(EXPORT kgTargets NAMESPACE kg:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/kg COMPONENT embed)

install(FILES
    engine/backup.h engine/database.h engine/episode.h engine/graph.h engine/limits.h engine/mutation.h engine/rules.h engine/view.h
  DESTINATION include/kg/engine COMPONENT embed)
# Part of engine/graph.h.
install(FILES engine/internal/persistent_vector.h
  DESTINATION include/kg/engine/internal COMPONENT embed)
install(FILES storage/keys.h storage/types.h DESTINATION include/kg/storage COMPONENT embed)
install(DIRECTORY query DESTINATION include/kg COMPONENT embed
  FILES_MATCHING PATTERN "*.h" PATTERN "internal" EXCLUDE)
install(FILES ingest/decoder.h ingest/redactor.h DESTINATION include/kg/ingest COMPONENT embed)

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/kgConfig.cmake.in
  ${PROJECT_BINARY_DIR}/kgConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/kg)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/kgConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/kgConfig.cmake ${PROJECT_BINARY_DIR}/kgConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/kg COMPONENT embed)
