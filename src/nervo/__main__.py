from nervo.cli import main

main()
