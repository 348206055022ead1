// expect: count: the reduce function must be `std::string Reduce(mr::View key, const std::vector<std::string>& values)`
#include <mr/simple.hpp>
std::vector<mr::KV> Map(mr::View, mr::View) { return {}; }
int Reduce(mr::View) { return 0; }
MR_SIMPLE(count, Map, Reduce);
