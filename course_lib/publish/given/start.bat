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
rem in a folder that was moved, the environment still leads to the old place; a newer course may ask for other versions
fc /b constraints.txt .venv\constraints.txt >nul 2>nul
if %ERRORLEVEL%==0 if [%made%]==["%CD%"] goto open

set "python="
for %%p in ("py -3.13" "py -3.12" "py -3.11" python) do if not defined python call :try %%~p
if not defined python goto missing

echo Installing the course into .venv, once; this takes a few minutes.
%python% -m venv .venv
if not %ERRORLEVEL%==0 goto failed
set "pip=.venv\Scripts\python.exe -m pip install --disable-pip-version-check -c constraints.txt"
if defined TORCH_INDEX %pip% --no-deps --index-url "%TORCH_INDEX%" torch
if not %ERRORLEVEL%==0 goto failed
%pip% -e ".[present,test]"
if not %ERRORLEVEL%==0 goto failed
copy /y constraints.txt .venv\constraints.txt >nul
>.venv\ready echo "%CD%"

:open
set "what=-m course_lib.publish.lab"
if "%~1"=="test" set "what=-m pytest"
if "%~1"=="run" set "what=-m course_lib run"
if "%~1"=="" goto go
if "%~1"=="lab" goto go
if "%what%"=="-m course_lib.publish.lab" goto unknown
:go
.venv\Scripts\python.exe %what% %2 %3 %4 %5 %6 %7 %8 %9
set "code=%ERRORLEVEL%"
rem a window that a double click opened would close before it is read
if not %code%==0 if "%~1"=="" pause
exit /b %code%

:try
%* -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" >nul 2>nul
if %ERRORLEVEL%==0 set "python=%*"
exit /b 0

:unknown
echo Expected lab, test or run, but %1 came; start.bat alone opens the notebooks.
exit /b 2

:missing
echo Expected Python 3.11, 3.12 or 3.13, but none was found; install one from python.org and start this again.
pause
exit /b 2

:failed
echo The installation stopped; what stands above says why. Start this again to go on with it.
pause
exit /b 1
