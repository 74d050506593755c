// CURVE keys (zmq_curve_keypair(3), zmq_curve_public(3)).
#include "core.hpp"
#include "errors.hpp"

#include <array>
#include <string>

namespace cppyzmq {

namespace {

constexpr std::size_t key_length = 40;  // of Z85 text
using Key = std::array<char, key_length + 1>;

py::tuple curve_keypair()
{
    Key public_key{};
    Key secret_key{};
    if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
        raise_error_about(zmq_errno(), "libzmq was built without CURVE");
        throw py::error_already_set();
    }
    return py::make_tuple(py::bytes(public_key.data(), key_length),
                          py::bytes(secret_key.data(), key_length));
}

std::string bytes_of(const py::object& buffer)
{
    const py::object bytes = py::reinterpret_steal<py::object>(PyBytes_FromObject(buffer.ptr()));
    if (!bytes) {
        throw py::error_already_set();
    }
    return bytes.cast<std::string>();
}

py::bytes curve_public(const py::object& secret_key)
{
    const std::string text = PyUnicode_Check(secret_key.ptr()) != 0 ? secret_key.cast<std::string>()
                                                                    : bytes_of(secret_key);
    if (text.size() != key_length) {
        throw py::value_error("a secret key is 40 bytes of Z85 text, got " +
                              std::to_string(text.size()));
    }
    Key public_key{};
    if (zmq_curve_public(public_key.data(), text.c_str()) != 0) {
        raise_error_about(zmq_errno(), "not a secret key in Z85, or libzmq has no CURVE");
        throw py::error_already_set();
    }
    return {public_key.data(), key_length};
}

}  // namespace

void register_curve(py::module_& module)
{
    module.def("curve_keypair", &curve_keypair, R"doc(curve_keypair()
--

Make a pair of CURVE keys (zmq_curve_keypair(3)).

Returns
-------
tuple of bytes
    The public and the secret key, 40 bytes of Z85 text each.

Raises
------
ZMQError
    ENOTSUP: libzmq was built without CURVE.)doc");
    module.def("curve_public", &curve_public, py::arg("secret_key"), R"doc(curve_public(secret_key)
--

The public key that belongs to a secret one (zmq_curve_public(3)).

Parameters
----------
secret_key
    40 bytes of Z85 text.

Returns
-------
bytes
    The public key, 40 bytes of Z85 text.

Raises
------
ValueError
    The key is of another length.
ZMQError
    EINVAL: it is not Z85; ENOTSUP: libzmq was built without CURVE.)doc");
}

}  // namespace cppyzmq
