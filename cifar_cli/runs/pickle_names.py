"""The names that torch.save writes into a pickle of tensors and plain values; a reader refuses all others."""

# The storage types that torch.save names, and their bytes per element.
STORAGE_BYTES = {
    "torch FloatStorage": 4,
    "torch DoubleStorage": 8,
    "torch HalfStorage": 2,
    "torch BFloat16Storage": 2,
    "torch LongStorage": 8,
    "torch IntStorage": 4,
    "torch ShortStorage": 2,
    "torch CharStorage": 1,
    "torch ByteStorage": 1,
    "torch BoolStorage": 1,
    "torch ComplexFloatStorage": 8,
    "torch ComplexDoubleStorage": 16,
}
BYTE_STORAGE = "torch ByteStorage"
# Tensors of a newer dtype (uint16, float8, ...) have a storage of bytes and name their dtype beside it. A quantized
# dtype is left out: such a tensor without its quantizer, which the pickle does not hold, can crash torch.
UNTYPED_STORAGE = "torch.storage UntypedStorage"
_DTYPES_BY_BYTES = {
    1: "bits1x8 bits2x4 bits4x2 bits8 bool float4_e2m1fn_x2 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz "
    "float8_e8m0fnu int1 int2 int3 int4 int5 int6 int7 int8 uint1 uint2 uint3 uint4 uint5 uint6 uint7 uint8",
    2: "bfloat16 bits16 float16 int16 uint16",
    4: "bcomplex32 complex32 float32 int32 uint32",
    8: "complex64 float64 int64 uint64",
    16: "complex128",
}
DTYPE_BYTES = {f"torch {name}": size for size, names in _DTYPES_BY_BYTES.items() for name in names.split()}
REBUILD_TENSOR = "torch._utils _rebuild_tensor_v2"
REBUILD_TENSOR_WITH_DTYPE = "torch._utils _rebuild_tensor_v3"
ORDERED_DICT = "collections OrderedDict"
KNOWN_NAMES = {*STORAGE_BYTES, UNTYPED_STORAGE, *DTYPE_BYTES, REBUILD_TENSOR, REBUILD_TENSOR_WITH_DTYPE, ORDERED_DICT}
