# Puts the page together: cmake -D NPM= -D WEB_PAGE= -D TOOLS= -D SOURCE= -D WORK= -D PAGE= -P
#
# npm runs only if package-lock.json differs from the one that it last ran for.

set(lock ${SOURCE}/package-lock.json)
set(done ${WORK}/done-${TOOLS}.json) # a copy of the lock file
set(uplot ${WORK}/node_modules/uplot)
set(options ci --loglevel=error --ignore-scripts --no-audit --no-fund --prefer-offline --fetch-retries=1
  --fetch-retry-mintimeout=1000 --fetch-timeout=60000)
if(NOT TOOLS)
  list(APPEND options --omit=dev)
endif()

function(run_npm)
  file(REMOVE ${done})
  configure_file(${SOURCE}/package.json ${WORK}/package.json COPYONLY)
  configure_file(${lock} ${WORK}/package-lock.json COPYONLY)
  execute_process(COMMAND ${NPM} ${options} WORKING_DIRECTORY ${WORK}
    RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE complaint)
  if(NOT failed EQUAL 0)
    file(REMOVE_RECURSE ${PAGE})
    string(REGEX MATCH "[A-Za-z]*Error: [^\n]*" reason "${complaint}")
    if(reason STREQUAL "" OR WEB_PAGE STREQUAL "ON")
      set(reason "${complaint}")
    endif()
    set(why "page: `npm ci` failed, is there a network? ${reason}")
    if(WEB_PAGE STREQUAL "ON")
      message(FATAL_ERROR "${why}")
    endif()
    message(NOTICE "${why}\npage: left out; the next build tries again")
    return()
  endif()
  configure_file(${lock} ${done} COPYONLY)
endfunction()

set(is_done 1)
if(EXISTS ${done} AND EXISTS ${uplot})
  execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${lock} ${done}
    RESULT_VARIABLE is_done OUTPUT_QUIET ERROR_QUIET)
endif()
if(NOT is_done EQUAL 0)
  run_npm()
endif()
if(NOT EXISTS ${done})
  return()
endif()

# A file that has left the source must not be served.
file(REMOVE_RECURSE ${PAGE})
file(GLOB files ${SOURCE}/*.html ${SOURCE}/*.css ${SOURCE}/*.js ${SOURCE}/*.svg)
file(COPY ${files} DESTINATION ${PAGE})
configure_file(${uplot}/dist/uPlot.esm.js ${PAGE}/uplot.js COPYONLY)
configure_file(${uplot}/dist/uPlot.min.css ${PAGE}/uplot.css COPYONLY)
configure_file(${uplot}/LICENSE ${PAGE}/uplot.LICENSE COPYONLY)
file(TOUCH ${PAGE}/index.html)
