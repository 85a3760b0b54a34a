// What a kernel sees of a call by XLA: arrays in, arrays out, whole numbers, in single or double precision.
// A kernel is `template <class T> void name(const Frame&)` and becomes a target of XLA by DDSPFX_TARGET(name).
#pragma once

#include <cstdint>
#include <stdexcept>

#include "xla/ffi/api/c_api.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ddspfx {

class Frame {
 public:
  explicit Frame(const XLA_FFI_CallFrame* call) : call_(call) {}

  template <class T>
  const T* in(int place) const { return static_cast<const T*>(buffer(call_->args.args[place]).data); }
  template <class T>
  T* out(int place) const { return static_cast<T*>(buffer(call_->rets.rets[place]).data); }
  int64_t in_size(int place, int axis) const { return buffer(call_->args.args[place]).dims[axis]; }
  int64_t out_size(int place, int axis) const { return buffer(call_->rets.rets[place]).dims[axis]; }
  // An array as rows of its last axis.
  int64_t in_length(int place) const { return length(buffer(call_->args.args[place])); }
  int64_t out_length(int place) const { return length(buffer(call_->rets.rets[place])); }
  int64_t in_lines(int place) const { return lines(buffer(call_->args.args[place])); }
  int64_t out_lines(int place) const { return lines(buffer(call_->rets.rets[place])); }
  XLA_FFI_DataType type() const { return buffer(call_->rets.rets[0]).dtype; }

  // Attributes come sorted by name; all are 64-bit whole numbers.
  int64_t attribute(int place) const {
    return *static_cast<const int64_t*>(static_cast<const XLA_FFI_Scalar*>(call_->attrs.attrs[place])->value);
  }

 private:
  static int64_t length(const XLA_FFI_Buffer& array) { return array.dims[array.rank - 1]; }
  static int64_t lines(const XLA_FFI_Buffer& array) {
    int64_t product = 1;
    for (int64_t axis = 0; axis + 1 < array.rank; ++axis) product *= array.dims[axis];
    return product;
  }
  static const XLA_FFI_Buffer& buffer(const void* given) { return *static_cast<const XLA_FFI_Buffer*>(given); }
  const XLA_FFI_CallFrame* call_;
};

// Denormal numbers read and written as zero, as in XLA's own code, for as long as this lives.
class Flushed {
#if defined(__x86_64__)
 public:
  Flushed() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~Flushed() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#else
 public:
  Flushed() {}
#endif
};

inline XLA_FFI_Error* failed(const XLA_FFI_CallFrame* call, const char* why) {
  XLA_FFI_Error_Create_Args given{XLA_FFI_Error_Create_Args_STRUCT_SIZE, nullptr, why,
                                  XLA_FFI_Error_Code_INVALID_ARGUMENT};
  return call->api->XLA_FFI_Error_Create(&given);
}

// XLA asks a target once which version of the interface it speaks.
inline bool introduced(const XLA_FFI_CallFrame* call) {
  const XLA_FFI_Extension_Base* asked = call->extension_start;
  if (!asked || asked->type != XLA_FFI_Extension_Metadata) return false;
  XLA_FFI_Metadata* data = reinterpret_cast<const XLA_FFI_Metadata_Extension*>(asked)->metadata;
  data->api_version.major_version = XLA_FFI_API_MAJOR;
  data->api_version.minor_version = XLA_FFI_API_MINOR;
  data->traits = 0;
  return true;
}

}  // namespace ddspfx

#define DDSPFX_TARGET(name)                                                                 \
  extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* ddspfx_##name(           \
      XLA_FFI_CallFrame* call) {                                                            \
    if (ddspfx::introduced(call)) return nullptr;                                           \
    const ddspfx::Frame frame(call);                                                        \
    const ddspfx::Flushed flushed;                                                          \
    if (frame.type() == XLA_FFI_DataType_F32) return name<float>(frame), nullptr;           \
    if (frame.type() == XLA_FFI_DataType_F64) return name<double>(frame), nullptr;          \
    return ddspfx::failed(call, #name " takes float32 and float64 alone");                  \
  }

// The same for one type alone: its name in XLA and in C++.
#define DDSPFX_TARGET_OF(name, kind, type_)                                                 \
  extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* ddspfx_##name(           \
      XLA_FFI_CallFrame* call) {                                                            \
    if (ddspfx::introduced(call)) return nullptr;                                           \
    const ddspfx::Frame frame(call);                                                        \
    if (frame.type() == XLA_FFI_DataType_##kind) return name<type_>(frame), nullptr;        \
    return ddspfx::failed(call, #name " takes " #kind " alone");                            \
  }
