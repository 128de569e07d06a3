# A room is a folder under src (and under include/landfall): an object library of its own, so that its tests link
# nothing but it and what lies below it. The library that others link is all of them together.
add_library(landfall_usage INTERFACE)
target_compile_features(landfall_usage INTERFACE cxx_std_20)
target_include_directories(landfall_usage INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(landfall_usage INTERFACE Boost::headers Boost::json Boost::program_options fmt::fmt spdlog::spdlog
                      simdjson::simdjson xxHash::xxhash utf8proc::utf8proc Threads::Threads)
# Agree in every file of a program that embeds us.
set(landfall_public_definitions BOOST_ASIO_NO_DEPRECATED)
target_compile_definitions(landfall_usage INTERFACE ${landfall_public_definitions})

# Flags of our own build, never handed to others.
add_library(landfall_own_flags INTERFACE)
if(LANDFALL_WARNINGS)
  target_compile_options(landfall_own_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # False where it inlines only one of the two operators of a coroutine frame.
    target_compile_options(landfall_own_flags INTERFACE -Wno-mismatched-new-delete)
  endif()
endif()
if(LANDFALL_SANITIZE STREQUAL "address")
  set(flags -fsanitize=address,undefined -fno-sanitize=null,alignment,object-size,vptr -fno-sanitize-recover=all -fno-omit-frame-pointer)
elseif(LANDFALL_SANITIZE STREQUAL "thread")
  set(flags -fsanitize=thread -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(landfall_own_flags INTERFACE -Wno-tsan)  # Asio's fences; see tests/tsan.suppressions
  endif()
elseif(LANDFALL_SANITIZE)
  message(FATAL_ERROR "LANDFALL_SANITIZE is \"${LANDFALL_SANITIZE}\": it may be empty, address or thread")
endif()
if(LANDFALL_SANITIZE)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND flags -Wno-maybe-uninitialized)  # false ones, in instrumented code
  endif()
  target_compile_options(landfall_own_flags INTERFACE ${flags})
  target_link_options(landfall_own_flags INTERFACE ${flags})
endif()

set(landfall_rooms "")
function(landfall_room room)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${room}/*.cpp)
  add_library(landfall_${room} OBJECT ${sources})
  target_link_libraries(landfall_${room} PUBLIC landfall_usage PRIVATE landfall_own_flags)
  set_target_properties(landfall_${room} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  set(landfall_rooms ${landfall_rooms} ${room} PARENT_SCOPE)
endfunction()

# landfall::landfall, from the objects of all rooms.
function(landfall_library)
  set(objects "")
  foreach(room ${landfall_rooms})
    list(APPEND objects $<TARGET_OBJECTS:landfall_${room}>)
  endforeach()
  add_library(landfall ${objects})
  add_library(landfall::landfall ALIAS landfall)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/landfall/*.hpp)
  list(FILTER headers EXCLUDE REGEX "/testing/")
  target_sources(landfall PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${headers})
  set_target_properties(landfall PROPERTIES LINKER_LANGUAGE CXX CXX_EXTENSIONS OFF
                        VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL})
  target_compile_features(landfall PUBLIC cxx_std_20)
  target_compile_definitions(landfall PUBLIC ${landfall_public_definitions})
  target_link_libraries(landfall PUBLIC Boost::headers Boost::json fmt::fmt spdlog::spdlog simdjson::simdjson Threads::Threads
                        PRIVATE Boost::program_options xxHash::xxhash utf8proc::utf8proc
                        $<BUILD_INTERFACE:landfall_own_flags>)
endfunction()

# landfall::testing, for connector authors.
function(landfall_testing_library)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/testing/*.cpp)
  add_library(landfall_testing_parts OBJECT ${sources})
  target_link_libraries(landfall_testing_parts PUBLIC landfall_usage PRIVATE landfall_own_flags)
  set_target_properties(landfall_testing_parts PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)

  add_library(landfall_testing $<TARGET_OBJECTS:landfall_testing_parts>)
  add_library(landfall::testing ALIAS landfall_testing)
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/landfall/testing/*.hpp)
  target_sources(landfall_testing PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${headers})
  set_target_properties(landfall_testing PROPERTIES EXPORT_NAME testing LINKER_LANGUAGE CXX CXX_EXTENSIONS OFF
                        VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL})
  target_link_libraries(landfall_testing PUBLIC landfall PRIVATE $<BUILD_INTERFACE:landfall_own_flags>)
  if(NOT PROJECT_IS_TOP_LEVEL AND NOT LANDFALL_INSTALL)  # an embedder pays for it only when he links it
    set_target_properties(landfall_testing landfall_testing_parts PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

# g++ 12 thinks of the text in an empty optional<string> as uninitialized where much is inlined: in tests.
set(landfall_test_options $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
if(LANDFALL_SANITIZE STREQUAL "address")
  # With both sanitizers the optimiser takes a third to a half of a test file's time.
  list(APPEND landfall_test_options -O0)
  # By default simdjson.h lays its parser out in another way in a file that is compiled with -O0.
  target_compile_definitions(landfall_own_flags INTERFACE SIMDJSON_DEVELOPMENT_CHECKS=0)
endif()

# The tests of a program, each as one of ctest's. Under a sanitizer many take less time than their process needs to
# begin: there each of ctest's is a quarter of the program. COST: those with a higher one begin first.
function(landfall_discover_tests program prefix)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "COST" "")
  if(NOT arg_COST)
    set(arg_COST 0)
  endif()
  if(NOT LANDFALL_SANITIZE)
    gtest_discover_tests(${program} DISCOVERY_MODE PRE_TEST TEST_PREFIX ${prefix} PROPERTIES COST ${arg_COST})
    return()
  endif()
  foreach(share 0 1 2 3)
    add_test(NAME ${prefix}${share} COMMAND ${program})
    set_tests_properties(${prefix}${share} PROPERTIES COST ${arg_COST} TIMEOUT 3000
                         ENVIRONMENT "GTEST_TOTAL_SHARDS=4;GTEST_SHARD_INDEX=${share}")
  endforeach()
endfunction()

# One test program for each room: tests/<room>/*.cpp, linked with that room and those below it. Of landfall::testing it
# takes what it names, as members of an archive: so the simulation serves the ground floor too.
# ONLY: of these files (<name>_test.cpp); all where none is named.
function(landfall_room_tests room)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "COST" "LIBRARIES;ONLY")
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${room}/*.cpp)
  if(arg_ONLY)
    list(JOIN arg_ONLY "|" names)
    list(FILTER sources INCLUDE REGEX "/(${names})_test\\.cpp$")
  endif()
  if(NOT sources)
    return()
  endif()
  if(NOT TARGET landfall_testing_archive)
    add_library(landfall_testing_archive STATIC EXCLUDE_FROM_ALL $<TARGET_OBJECTS:landfall_testing_parts>)
    set_target_properties(landfall_testing_archive PROPERTIES LINKER_LANGUAGE CXX)
  endif()
  add_executable(${room}_test ${sources})
  set_target_properties(${room}_test PROPERTIES CXX_EXTENSIONS OFF)
  target_include_directories(${room}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_options(${room}_test PRIVATE ${landfall_test_options})
  target_link_libraries(${room}_test PRIVATE landfall_testing_archive landfall_usage landfall_own_flags
                        GTest::gtest_main GTest::gmock ${arg_LIBRARIES})
  foreach(below ${landfall_rooms})
    target_sources(${room}_test PRIVATE $<TARGET_OBJECTS:landfall_${below}>)
    if(below STREQUAL room)
      break()
    endif()
  endforeach()
  landfall_discover_tests(${room}_test ${room}. COST ${arg_COST})
endfunction()
