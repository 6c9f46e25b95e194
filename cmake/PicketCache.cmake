# PK_CACHE: where tools/deps keeps sources and sysroots; the same rule as in tools/lib.sh. Kept in the CMake cache,
# so that a later run of ninja does not depend on the environment of whoever starts it.
if(NOT PK_CACHE)
    if(DEFINED ENV{PICKET_CACHE})
        set(PK_CACHE $ENV{PICKET_CACHE} CACHE PATH "Third-party sources and sysroots made by tools/deps")
    elseif(DEFINED ENV{XDG_CACHE_HOME})
        set(PK_CACHE $ENV{XDG_CACHE_HOME}/picket CACHE PATH "Third-party sources and sysroots made by tools/deps")
    else()
        set(PK_CACHE $ENV{HOME}/.cache/picket CACHE PATH "Third-party sources and sysroots made by tools/deps")
    endif()
endif()
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES PK_CACHE)
