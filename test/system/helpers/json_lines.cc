// Reads standard input: every line must be one JSON object or array, of one kind of text encoding (UTF-8). Prints the
// first line that is not, and why; exit code 1. An input without any line is wrong too.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

int main() {
  int number = 0;
  for (std::string line; std::getline(std::cin, line);) {
    ++number;
    try {
      const nlohmann::json value = nlohmann::json::parse(line);
      if (value.is_object() || value.is_array()) continue;
      std::cerr << "line " << number << " is neither an object nor an array: " << line << "\n";
    } catch (const nlohmann::json::exception& error) {
      std::cerr << "line " << number << ": " << error.what() << "\n" << line << "\n";
    }
    return 1;
  }
  if (number == 0) std::cerr << "no JSON at all\n";
  return number == 0 ? 1 : 0;
}
