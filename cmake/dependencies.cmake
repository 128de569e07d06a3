include(FetchContent)
set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)  # a fetched dependency's option() takes the plain variables set below
# Before xxHash, whose own default would be ON for all of us. In somebody else's project it is theirs to say; unsaid, it
# is OFF in this folder alone.
if(PROJECT_IS_TOP_LEVEL)
  option(BUILD_SHARED_LIBS "Build shared libraries" OFF)
elseif(NOT DEFINED BUILD_SHARED_LIBS)
  set(BUILD_SHARED_LIBS OFF)
endif()
find_package(Threads REQUIRED)
set(gh https://github.com)
# Looked for on the system first, fetched when missing. FETCHCONTENT_TRY_FIND_PACKAGE_MODE=NEVER forces the download.
# Hashes of simdjson, xxHash, GTest, benchmark were checked on the archives; check fmt, spdlog, utf8proc, Boost at the
# first download.
FetchContent_Declare(fmt URL ${gh}/fmtlib/fmt/archive/9.1.0.tar.gz
  URL_HASH SHA256=5dea48d1fcddc3ec571ce2058e13910a0d4a6bab4cc09a809d8b1dd1c88ae6f2 FIND_PACKAGE_ARGS 9 CONFIG)
FetchContent_Declare(spdlog URL ${gh}/gabime/spdlog/archive/v1.10.0.tar.gz
  URL_HASH SHA256=697f91700237dbae2326b90469be32b876b2b44888302afbc7aceb68bcfe8224 FIND_PACKAGE_ARGS 1.10 CONFIG)
FetchContent_Declare(simdjson URL ${gh}/simdjson/simdjson/archive/v3.0.1.tar.gz
  URL_HASH SHA256=156b1bc5eb0561b2bd166b46d191fd3d95a3e709cc63761477d3b7aec2b6e9ed FIND_PACKAGE_ARGS 3 CONFIG)
FetchContent_Declare(xxHash URL ${gh}/Cyan4973/xxHash/archive/v0.8.1.tar.gz SOURCE_SUBDIR cmake_unofficial
  URL_HASH SHA256=3bb6b7d6f30c591dd65aaaff1c8b7a5b94d81687998ca9400082c739a690436c FIND_PACKAGE_ARGS 0.8)
FetchContent_Declare(utf8proc URL ${gh}/JuliaStrings/utf8proc/archive/v2.8.0.tar.gz
  URL_HASH SHA256=a0a60a79fe6f6d54e7d411facbfcc867a6e198608f2cd992490e46f04b1bcecc FIND_PACKAGE_ARGS 2.8)
FetchContent_Declare(Boost URL ${gh}/boostorg/boost/releases/download/boost-1.81.0/boost-1.81.0.tar.xz
  URL_HASH SHA256=06bc525a392650eb6248f40a13f40112b6c485eec7103b6dcde7196f2a3570e0
  FIND_PACKAGE_ARGS 1.81 CONFIG COMPONENTS headers json program_options)
# Read only by a fetched copy: one fmt for all, install rules so that our export set may name them, no tools.
set(SPDLOG_FMT_EXTERNAL ON)
set(SPDLOG_INSTALL ${LANDFALL_INSTALL})
set(FMT_INSTALL ${LANDFALL_INSTALL})
set(XXHASH_BUNDLED_MODE OFF)  # else it has no export set
set(XXHASH_BUILD_XXHSUM OFF)
set(BOOST_INCLUDE_LIBRARIES asio json program_options)
set(UTF8PROC_ENABLE_TESTING OFF)
set(UTF8PROC_INSTALL OFF)  # it has no export set: it is installed in ours, see install.cmake
FetchContent_MakeAvailable(fmt spdlog simdjson xxHash utf8proc Boost)
if(NOT TARGET utf8proc::utf8proc)
  add_library(utf8proc::utf8proc ALIAS utf8proc)
endif()

if(LANDFALL_BUILD_TESTS)
  FetchContent_Declare(GTest URL ${gh}/google/googletest/archive/release-1.12.1.tar.gz
    URL_HASH SHA256=81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2 FIND_PACKAGE_ARGS 1.12 CONFIG)
  FetchContent_Declare(benchmark URL ${gh}/google/benchmark/archive/refs/tags/v1.7.1.tar.gz
    URL_HASH SHA256=6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7 FIND_PACKAGE_ARGS 1.7 CONFIG)
  set(INSTALL_GTEST OFF)
  set(BENCHMARK_ENABLE_TESTING OFF)
  set(BENCHMARK_ENABLE_INSTALL OFF)
  FetchContent_MakeAvailable(GTest benchmark)
endif()
