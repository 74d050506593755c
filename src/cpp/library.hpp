// Which libzmq is in use, and whether the process has another one.
#pragma once

#include "core.hpp"

#include <string>
#include <vector>

namespace cppyzmq {

// The file that this process has loaded libzmq from: a shared library, or the module
// itself.
const std::string& libzmq_file();

// The file that the code of a libzmq socket is from. Empty where `handle` is nothing
// of the kind.
std::string file_of_socket(const void* handle);

// Every other libzmq that the process has loaded: what exports zmq_version. Looks at
// all libraries, which takes a millisecond.
std::vector<std::string> other_libzmq_files();

// Warns about these, once in the life of the process. False with an exception: the
// warning, where it is an error.
bool warn_of_second_libzmq();

}  // namespace cppyzmq
