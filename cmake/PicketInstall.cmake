# cmake --install build/<board> --prefix / : the layout of a gateway (CONVENTIONS E.10).
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

if(TARGET picketd)
    install(TARGETS picketd RUNTIME DESTINATION usr/sbin)
endif()
if(TARGET picketctl)
    install(TARGETS picketctl RUNTIME DESTINATION usr/bin)
endif()

# Every file of the operator, under the name the daemon looks for; never group or world writable.
foreach(pk_file IN ITEMS picketd.conf actions.conf topology.conf)
    if(EXISTS ${CMAKE_SOURCE_DIR}/config/${pk_file})
        install(FILES config/${pk_file} DESTINATION etc/picket PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
    endif()
endforeach()
# What actions.conf hands to psql.
install(DIRECTORY config/sql DESTINATION etc/picket FILES_MATCHING PATTERN "*.sql")
# Programs of ours that its rows run.
install(DIRECTORY config/hooks DESTINATION etc/picket
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
# The shipped rules are in the program; their text is here to be read and copied from.
if(EXISTS ${CMAKE_SOURCE_DIR}/config/rules)
    install(DIRECTORY config/rules DESTINATION usr/share/picket FILES_MATCHING PATTERN "*.rules" PATTERN "README.md")
endif()
install(DIRECTORY config/patterns DESTINATION usr/share/picket FILES_MATCHING PATTERN "*.patterns" PATTERN "README.md")
foreach(pk_folder IN ITEMS conf.d rules.d patterns.d keys tls)
    install(DIRECTORY DESTINATION etc/picket/${pk_folder})
endforeach()

# The service file of the board's init system.
function(pk_install_service source target)
    if(EXISTS ${CMAKE_SOURCE_DIR}/config/${source})
        get_filename_component(folder ${target} DIRECTORY)
        get_filename_component(name ${target} NAME)
        install(FILES config/${source} DESTINATION ${folder} RENAME ${name} PERMISSIONS ${ARGN})
    endif()
endfunction()
set(pk_script OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
if(PK_BOARD_INIT STREQUAL "systemd")
    pk_install_service(init/picketd.service usr/lib/systemd/system/picketd.service
        OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
elseif(PK_BOARD_INIT STREQUAL "openrc")
    pk_install_service(init/picketd.openrc etc/init.d/picketd ${pk_script})
elseif(PK_BOARD_INIT STREQUAL "procd")
    pk_install_service(init/picketd.procd etc/init.d/picketd ${pk_script})
elseif(PK_BOARD_INIT STREQUAL "sysv")
    pk_install_service(init/picketd.sysv etc/init.d/picketd ${pk_script})
else()
    message(FATAL_ERROR "board '${PK_BOARD}': unknown init system '${PK_BOARD_INIT}'")
endif()
