"""Compile an extension that takes Python's sockets, for the test of the conda package."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pybind11

import zmq

SOURCE = """
#include <cppyzmq/pybind11.hpp>

PYBIND11_MODULE(greeting, module)
{
    cppyzmq::import();
    module.def("greet", [](zmq::socket_ref socket) {
        socket.send(zmq::str_buffer("hello from C++"), zmq::send_flags::none);
    });
}
"""

PROJECT = """
cmake_minimum_required(VERSION 3.21)
project(greeting LANGUAGES CXX)
set(PYBIND11_FINDPYTHON ON)
find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
find_package(pybind11 CONFIG REQUIRED)
find_package(cppyzmq CONFIG REQUIRED)
pybind11_add_module(greeting greeting.cpp)
target_link_libraries(greeting PRIVATE cppyzmq::zmq)
"""

place = Path("extension")
place.mkdir(exist_ok=True)
(place / "greeting.cpp").write_text(SOURCE)
(place / "CMakeLists.txt").write_text(PROJECT)
configure = ["cmake", "-S", "extension", "-B", "extension", "-G", "Ninja"]
subprocess.run(
    [
        *configure,
        f"-Dcppyzmq_ROOT={zmq.get_cmake_dir()}",
        f"-Dpybind11_ROOT={pybind11.get_cmake_dir()}",
        f"-DPython_EXECUTABLE={sys.executable}",
        "-DCMAKE_BUILD_TYPE=Release",
    ],
    check=True,
)
subprocess.run(["cmake", "--build", "extension"], check=True)
sys.path.insert(0, os.fspath(place))
greeting = importlib.import_module("greeting")

with zmq.Context() as context, context.socket(zmq.PAIR) as one, context.socket(zmq.PAIR) as other:
    one.bind("inproc://greeting")
    other.connect("inproc://greeting")
    greeting.greet(one)
    assert other.recv() == b"hello from C++"
print("compile_extension: OK")
