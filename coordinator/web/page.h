// The status page's three files, embedded. They load nothing from elsewhere.
#pragma once

#include <string_view>

namespace mr::coordinator {

extern const std::string_view kPageHtml;
extern const std::string_view kPageScript;
extern const std::string_view kPageStyle;

}  // namespace mr::coordinator
