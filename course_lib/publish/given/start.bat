@echo off
rem Makes the environment .venv in this folder, once, and opens the notebooks:
rem   start.bat             (a double click does the same)
rem   start.bat test        runs the tests that came with the course
rem   start.bat run         trains the small GPT-2 and writes a report (--help tells the options)
rem Where TORCH_INDEX is set, torch is taken from there.
setlocal
cd /d "%~dp0"
set "made="
if exist .venv\ready set /p made=<.venv\ready
rem in a folder that was moved, the environment still leads to the old place
if "%made%"=="%CD%" goto open

set "python="
for %%v in (3.13 3.12 3.11) do if not defined python py -%%v -c "" >nul 2>nul && set "python=py -%%v"
set "supported=import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"
if not defined python python -c "%supported%" >nul 2>nul && set "python=python"
if not defined python goto missing

echo Installing the course into .venv, once; this takes a few minutes.
%python% -m venv .venv || goto failed
set "pip=.venv\Scripts\python.exe -m pip install --disable-pip-version-check -c constraints.txt"
if defined TORCH_INDEX %pip% --no-deps --index-url "%TORCH_INDEX%" torch || goto failed
%pip% -e ".[present,test]" || goto failed
>.venv\ready echo %CD%

:open
if "%~1"=="" goto lab
if "%~1"=="test" goto test
if "%~1"=="run" goto run
if "%~1"=="lab" goto lab
echo Expected lab, test or run, but %1 came; start.bat alone opens the notebooks.
exit /b 2

:lab
.venv\Scripts\python.exe -m course_lib.publish.lab %2 %3 %4 %5 %6 %7 %8 %9
exit /b %ERRORLEVEL%

:test
.venv\Scripts\python.exe -m pytest %2 %3 %4 %5 %6 %7 %8 %9
exit /b %ERRORLEVEL%

:run
.venv\Scripts\python.exe -m course_lib run %2 %3 %4 %5 %6 %7 %8 %9
exit /b %ERRORLEVEL%

:missing
echo Expected Python 3.11, 3.12 or 3.13, but none was found; install one from python.org and start this again.
pause
exit /b 2

:failed
echo The installation stopped; what stands above says why. Start this again to go on with it.
pause
exit /b 1
